/**
 * Rules of the pages that are served, after those of reports.
 *
 * @module
 */

/** CSS. */
export const STYLE = `
.runs{list-style:none;margin:0;padding:0;display:grid;gap:.5rem}
.runs li{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.6rem .9rem;overflow-wrap:anywhere}
.search{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin:0 0 .75rem}
input:not([type]),button,select{max-width:100%;font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--axis);border-radius:8px;padding:.3rem .7rem}
button{cursor:pointer}input[type=checkbox]{width:1.25rem;height:1.25rem;margin:0;accent-color:var(--c1)}
progress{width:100%;height:.6rem;accent-color:var(--c1)}
.brand a{color:inherit}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(300px,100%),1fr));gap:.75rem}
#classes>div+div{margin-top:1.25rem}#classes h3{margin-bottom:.5rem}.curves figure{margin:0}.curves svg{display:block;width:100%;height:110px}
.curves figcaption{display:flex;justify-content:space-between;gap:1rem;font-size:.875rem;color:var(--muted)}
.curves b{color:var(--ink);white-space:nowrap}
.curves polyline{fill:none;stroke:var(--c1);stroke-width:2;vector-effect:non-scaling-stroke}
.curves .lost polyline{stroke:var(--bad)}.curves .slow polyline{stroke:var(--c3)}
.console{list-style:none;margin:0;padding:.6rem .9rem;font-family:ui-monospace,monospace;font-size:.8125rem;overflow-wrap:anywhere;white-space:pre-wrap}
#console .scroll{max-height:20rem;overflow:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
.offline{border-left:4px solid var(--warn);background:var(--warn-bg);padding:.55rem .85rem}
tr.failed td,tr.invalid td{background:var(--bad-bg)}
#peers td{white-space:nowrap}#peers td:first-child{white-space:normal}
@media (max-width:680px){.curves figure{padding:.6rem}.curves svg{height:80px}}
`;
