/**
 * The tables of a report: points, testers, targets, hosts.
 *
 * @module
 */
import { digits, formatCount, formatMetric, formatRate, formatTime, middle } from "../../../base/figures.ts";
import { type Fragment, html, type Markup, raw, table } from "../markup.ts";
import { cpuUse } from "../../document/cpu_use.ts";
import { cellFigure, loadTexts, type ReportModel } from "../model.ts";
import { ownFigures } from "./own_figures.ts";
import type { ReportPoint } from "../point.ts";
import type { ClientRow, TargetRow } from "../point_hosts.ts";
import { differences } from "./warnings.ts";

/** Points whose testers get a table of their own in a sweep. */
export const CLIENT_TABLES = 40;
/** Rows of the table of runs. */
const RUN_ROWS = 1200;

const n = (name: string) => ({ name, numeric: true });

/** One row a point: the middle of its repetitions. */
export function pointTable(model: ReportModel): Markup {
  const own = ownFigures(model.points);
  const rows = model.groups.flatMap((group) =>
    group.cells.map((drawn): Fragment[] => {
      const cell = drawn.usable.length > 0 ? drawn : { ...drawn, usable: drawn.points };
      const invalid = cell.points.filter((point) => point.verdict === "INVALID").length;
      const cpu = middle(cell.usable.flatMap((point) => cpuUse(point.targets).map((use) => use.total)));
      return [
        group.label,
        ...loadTexts(cell),
        cpu === null ? "–" : `${cpu.toFixed(1)} %`,
        ...own.map(({ pick, unit }) => formatMetric(cellFigure(cell, pick)?.value, unit)),
        `${cell.points.length}${invalid > 0 ? ` (${invalid} INVALID)` : ""}`,
      ];
    })
  );
  return table("Points", [
    { name: "Curve" },
    n("Offered"),
    n("Received"),
    n("Loss"),
    n("p50"),
    n("p99"),
    n("p99.9"),
    n("Slowest"),
    n("CPU"),
    ...own.map(({ name }) => n(name.replaceAll("_", " "))),
    n("Runs"),
  ], rows);
}

/** One row a document. */
export function runTable(model: ReportModel): Markup {
  const rows = model.runs.slice(0, RUN_ROWS).map((point): Fragment[] => [
    html`<code>${point.file}</code>`,
    html`<span class="tag ${point.run.verdict}">${point.run.verdict}</span>`,
    formatRate(point.offeredBps),
    formatTime((point.response ?? point.service)?.p99_ns),
    point.run.reasons[0] ?? "",
  ]);
  return table(
    "Runs",
    [{ name: "Document" }, { name: "Verdict" }, n("Offered"), n("p99"), {
      name: "Main reason",
    }],
    rows,
    { stacked: true },
  );
}

const COUNT_COLUMNS = [
  ["lost", "Lost", "lost"],
  ["late", "Late", "late"],
  ["corrupt", "Corrupt", "corrupt"],
  ["duplicate", "Twice", "answered twice"],
  ["reordered", "Overtaken", "overtaken"],
] as const;

/** One row a tester. Counts that are zero everywhere are listed once, below. */
export function clientTable(point: ReportPoint): Markup {
  const counted = point.clients.some((client) => client.counts !== null);
  const seen = COUNT_COLUMNS.filter(([key]) =>
    point.clients.some((client) => (client.counts?.[key] ?? 0) > 0)
  );
  const absent = COUNT_COLUMNS.filter((column) => !seen.includes(column)).map(([, , words]) => words);
  const columns = [
    { name: "Tester" },
    n("Sent"),
    n("Received"),
    ...seen.map(([, name]) => n(name)),
    n("p50"),
    n("p99"),
    n("p99.9"),
    n("Slowest"),
    n("Service p99"),
    n("Sent late, p99"),
    n("Clock"),
    n("Start"),
  ];
  const rows = point.clients.map((client): Fragment[] => [
    clientName(client),
    formatRate(client.rates?.sent_bps),
    formatRate(client.rates?.received_bps),
    ...seen.map(([key]) => formatCount(client.counts?.[key])),
    formatTime(client.response?.p50_ns),
    formatTime(client.response?.p99_ns),
    formatTime(client.response?.p999_ns),
    formatTime(client.response?.max_ns),
    formatTime(client.service?.p99_ns),
    formatTime(client.lateness?.p99_ns),
    client.clock === null ? "–" : `± ${formatTime(client.clock.error_ns)}`,
    client.startSkewNs === null
      ? "–"
      : `${client.startSkewNs < 0 ? "−" : "+"}${formatTime(Math.abs(client.startSkewNs))}`,
  ]);
  const more = point.clientCount - point.clients.length;
  return html`${table("Testers", columns, rows)}${
    counted && absent.length > 0 && html`<p class="quiet">None at all: ${absent.join(", ")}.</p>`
  }${
    more > 0 &&
    html`<p class="quiet">${formatCount(more)} more testers are not shown; these are the slowest.</p>`
  }`;
}

function clientName(client: ClientRow): Markup {
  const about = [
    client.peer === "ipbench-1.0" ? "original daemon" : null,
    client.engine === null ? null : `engine ${client.engine}`,
  ]
    .filter((text) => text !== null).join(", ");
  return html`${client.host}${about !== "" && html`<br><span class="quiet">${about}</span>`}${
    client.error !== null && html`<br><span class="tag INVALID">failed</span> ${client.error}`
  }`;
}

/** Metrics that testers of another test than latency report. */
export function metricTable(point: ReportPoint): Markup | null {
  const rows = point.clients.flatMap((client) =>
    client.metrics.map((
      metric,
    ): Fragment[] => [client.host, metric.name, digits(metric.value, 6), metric.unit])
  );
  if (rows.length === 0) return null;
  return table(
    "Metrics",
    [{ name: "Tester" }, { name: "Metric" }, n("Value"), { name: "Unit" }],
    rows.slice(0, 2000),
  );
}

/** One row a target. */
export function targetTable(targets: readonly TargetRow[]): Markup | null {
  if (targets.length === 0) return null;
  const rows = targets.map((target): Fragment[] => {
    const [use] = cpuUse([target]);
    const others = target.metrics.filter((metric) => !/^cpu[ _.:]?\d/i.test(metric.name)).slice(0, 12)
      .map((metric) => `${metric.name} ${digits(metric.value, 4)} ${metric.unit}`.trim()).join(", ");
    return [
      target.host,
      target.test,
      use === undefined ? "–" : `${use.total.toFixed(1)} %`,
      target.error === null ? others : html`<span class="tag INVALID">failed</span> ${target.error}`,
      html`<code>${target.text ?? ""}</code>`,
    ];
  });
  return table("Targets", [{ name: "Target" }, { name: "Test" }, n("CPU"), { name: "Figures" }, {
    name: "What it printed",
  }], rows);
}

/** Facts of the hosts side by side: those in which they differ first. */
export function environmentTables(model: ReportModel): Markup | null {
  const hosts = [...model.hosts.keys()].slice(0, 24);
  if (hosts.length === 0) return null;
  const differing = new Set(differences(model.hosts));
  const names = [...new Set([...model.hosts.values()].flatMap((facts) => [...facts.keys()]))];
  const columns = [{ name: "Fact" }, ...hosts.map((name) => ({ name }))];
  const row = (name: string): Fragment[] => [
    html`<code>${name}</code>`,
    ...hosts.map((host) => model.hosts.get(host)?.get(name) ?? html`<span class="quiet">–</span>`),
  ];
  const unlike = names.filter((name) => differing.has(name));
  const alike = names.filter((name) => !differing.has(name));
  const hidden = model.hosts.size - hosts.length;
  return html`${
    hosts.length > 1 && (unlike.length === 0
      ? html`<p>The hosts agree in everything that lasts.</p>`
      : html`<h3>In what the hosts differ</h3>${
        raw(table("Differences between hosts", columns, unlike.map(row)).text)
      }`)
  }
<details${hosts.length === 1 ? raw(" open") : ""}><summary>${
    hosts.length > 1 ? "What they have in common, and what changes by itself" : "What the host says of itself"
  } (${alike.length} facts)</summary>${table("Facts", columns, alike.map(row))}</details>${
    hidden > 0 && html`<p class="quiet">${hidden} more hosts are not shown.</p>`
  }`;
}
