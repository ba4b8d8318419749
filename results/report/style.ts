/**
 * The page's style sheet.
 *
 * @module
 */
import { variables } from "./palette.ts";

/** CSS for screen (light and dark) and print. */
export const STYLE = `
:root{${variables("light")};--page:#f5f7fa;--card:#ffffff;--line:#dfe4ea;--link:#1257b8;
--ok:#0b7a4b;--ok-bg:#e3f5ec;--warn:#8a5a00;--warn-bg:#fdf2d8;--bad-ink:#a61b1b;--bad-bg:#fdeaea;--mark:#fff7d6}
@media (prefers-color-scheme:dark){:root{${variables("dark")};--page:#0e131a;--card:#151b24;--line:#2b3440;
--link:#8ab8ff;--ok:#5fd6a0;--ok-bg:#12301f;--warn:#f0c05a;--warn-bg:#33280f;--bad-ink:#ff9088;--bad-bg:#3a1717;--mark:#332b10}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:3.5rem;-webkit-text-size-adjust:100%}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;overflow-wrap:anywhere;background:var(--page);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:9}
main,header .in,footer{max-width:1040px;margin:0 auto;padding:0 1.25rem}
header{background:var(--card);border-bottom:1px solid var(--line);padding:1.75rem 0 1.25rem}
.brand{color:var(--muted);font-size:.8rem;letter-spacing:.08em;text-transform:uppercase;margin:0 0 .35rem}
h1{font-size:1.65rem;line-height:1.25;margin:0 0 .35rem;overflow-wrap:anywhere;letter-spacing:-.01em}
.sub{color:var(--muted);margin:0;overflow-wrap:anywhere}
.verdict{display:flex;gap:.9rem;align-items:flex-start;margin:1.1rem 0 0;padding:.8rem 1rem;border-radius:10px;border:1px solid}
.verdict b{font-size:1.05rem;letter-spacing:.04em;white-space:nowrap}.verdict b.sentence{white-space:normal;letter-spacing:0}
.verdict p,.verdict ul{margin:0;overflow-wrap:anywhere}.verdict ul{padding-left:1.1rem}
.VALID{color:var(--ok);background:var(--ok-bg);border-color:currentColor}
.SUSPECT{color:var(--warn);background:var(--warn-bg);border-color:currentColor}
.neutral{color:var(--muted);background:var(--card);border-color:currentColor}
.INVALID{color:var(--bad-ink);background:var(--bad-bg);border-color:currentColor}
.verdict>div{color:var(--ink);min-width:0}
.tag{display:inline-block;white-space:nowrap;flex:none;align-self:flex-start;border:1px solid;border-radius:99px;padding:0 .55em;font-size:.75rem;font-weight:600;letter-spacing:.03em}
nav{position:sticky;top:0;z-index:5;background:var(--card);border-bottom:1px solid var(--line)}
nav ul{max-width:1040px;margin:0 auto;padding:0 .75rem;display:flex;flex-wrap:nowrap;overflow-x:auto;list-style:none;scrollbar-width:none}
nav a{display:block;padding:.65rem .5rem;color:var(--muted);text-decoration:none;font-size:.875rem;white-space:nowrap}
nav a:hover,nav a:focus{color:var(--ink)}
a{color:var(--link)}
:focus-visible{outline:2px solid var(--c1);outline-offset:2px;border-radius:4px}
nav a:focus-visible{outline-offset:-2px}
section{margin:2.25rem 0}
h2{font-size:1.2rem;margin:0 0 .85rem;letter-spacing:-.005em}
h3{font-size:1rem;margin:0 0 .25rem;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(152px,1fr));gap:.75rem;margin:0;padding:0}
.cards>div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.75rem .9rem;min-width:0}
.cards dt{overflow-wrap:anywhere;color:var(--muted);font-size:.8rem;margin:0}
.cards dd{margin:0;font-size:1.3rem;font-weight:600;letter-spacing:-.01em;white-space:nowrap}
.cards dd.note{color:var(--muted);font-size:.775rem;font-weight:400;letter-spacing:0;white-space:normal;overflow-wrap:anywhere}
.warnings{list-style:none;margin:0;padding:0;display:grid;gap:.5rem}
.warnings li{border-left:4px solid var(--warn);background:var(--warn-bg);border-radius:0 8px 8px 0;padding:.55rem .85rem;overflow-wrap:anywhere}
.warnings li.bad{border-color:var(--bad-ink);background:var(--bad-bg)}
figure{margin:0 0 1.25rem;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.1rem .75rem;break-inside:avoid}
figcaption p{margin:0;color:var(--muted);font-size:.875rem;max-width:75ch}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;margin:.6rem 0 .1rem;padding:0;font-size:.84rem}
.legend li{display:flex;align-items:center;gap:.45rem;max-width:100%;overflow-wrap:anywhere}
.legend svg{flex:none}
.plot{overflow:hidden}.plot svg{display:block;width:100%;height:auto;max-width:960px;margin:0 auto}
.narrow{display:none}
details{margin:.4rem 0 0}
summary{cursor:pointer;color:var(--muted);font-size:.875rem;padding:.2rem 0}
summary:hover{color:var(--ink)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px;max-height:34rem;overflow-y:auto}
figure .scroll{max-height:18rem}
table{border-collapse:collapse;width:100%;font-size:.84rem}
th,td{padding:.4rem .55rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
td{overflow-wrap:anywhere;min-width:6.5rem;max-width:24rem}td:first-child{min-width:10rem}td.n,th.n{min-width:0}
tbody tr:last-child td{border-bottom:0}
th{color:var(--muted);font-weight:600;white-space:nowrap;position:sticky;top:0;background:var(--card)}
.n{text-align:right;white-space:nowrap}
tr.differs td{background:var(--mark)}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.85rem 1rem;overflow:auto;max-height:30rem;font-size:.8rem;line-height:1.45;margin:.4rem 0}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
footer{color:var(--muted);font-size:.825rem;padding-top:.5rem;padding-bottom:2.5rem}
.quiet{color:var(--muted)}
@media (max-width:680px){.wide{display:none}.narrow{display:block}.plot .narrow svg{max-width:420px}
.stacked thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stacked,.stacked tbody{display:block}.stacked tr{display:block;padding:.5rem .75rem;border-bottom:1px solid var(--line)}
.stacked tr:last-child{border-bottom:0}.stacked td:empty{display:none!important}.stacked td,.stacked td:first-child{display:flex;justify-content:space-between;gap:1.25rem;
border:0;padding:.12rem 0;text-align:right;white-space:normal;min-width:0;max-width:none}
.stacked td:first-child{font-weight:600}.stacked td::before{content:attr(data-name);color:var(--muted);flex:none;font-weight:400}
main,header .in,footer{padding:0 .85rem}figure{padding:.85rem .6rem .6rem}figcaption,.legend,figure details{padding:0 .3rem}
h1{font-size:1.35rem}.cards{grid-template-columns:repeat(2,minmax(0,1fr));gap:.55rem}.cards dd{font-size:1.1rem}
.verdict{flex-direction:column;gap:.3rem}section{margin:1.75rem 0}}
@media print{:root{${
  variables("light")
};--page:#fff;--card:#fff;--line:#cfd6de;--link:#000;--ok:#0b7a4b;--ok-bg:#fff;
--warn:#8a5a00;--warn-bg:#fff;--bad-ink:#a61b1b;--bad-bg:#fff;--mark:#f3f3f3}
@page{margin:14mm}body{font-size:10pt}nav,.skip,figure details{display:none}.wide{display:block}.narrow{display:none}
.scroll,pre{max-height:none;overflow:visible}main,header .in,footer{max-width:none;padding:0}section{margin:1.2rem 0}
header{padding-top:0}h2{break-after:avoid}tr{break-inside:avoid}th{position:static}td{min-width:0}}
`;
