/**
 * Results for Prometheus' node exporter (textfile collector).
 *
 * @module
 */
import type { ResultDocument, Summary } from "../document/document.ts";
import { viewsOf } from "../document/class_view.ts";
import { cpuUse } from "../document/cpu_use.ts";
import { figure } from "./csv_file.ts";
import { type ReportPoint, reportPoints } from "../report/point.ts";

type Labels = Record<string, string>;

/** Collects samples by metric: the format wants all of one name together, after its help. */
class Families {
  readonly #families = new Map<string, { help: string; type: string; lines: Map<string, number> }>();

  add(
    name: string,
    help: string,
    labels: Labels,
    value: number | null | undefined,
    type = "gauge",
    suffix = "",
  ): void {
    if (value === null || value === undefined || !Number.isFinite(value)) return;
    const family = this.#families.get(name) ?? { help, type, lines: new Map() };
    this.#families.set(name, family);
    family.lines.set(`${name}${suffix}{${pairsOf(labels)}}`, value);
  }

  toString(): string {
    return [...this.#families].map(([name, { help, type, lines }]) =>
      `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${
        [...lines].map(([line, value]) => `${line} ${value}`).join("\n")
      }\n`
    ).join("");
  }
}

function pairsOf(labels: Labels): string {
  return Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`).join(",");
}

function escapeLabel(text: string): string {
  return text.slice(0, 200).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replace(/\r?\n|\r/g, "\\n");
}

/** Two runs that no label tells apart. */
export class SameSeriesError extends Error {
  override name = "SameSeriesError";
}

/**
 * The figures of documents in Prometheus' text format. Labels are the test, its arguments, the load, the number of
 * testers and the machine under test.
 *
 * @param documents One or more, and where each came from.
 * @param runLabel Adds the run's number as a label, so that repetitions are told apart.
 * @throws {SameSeriesError} when two documents have the same labels: a scraper refuses a sample that comes twice.
 */
export function prometheusText(
  documents: readonly { file: string; document: ResultDocument }[],
  runLabel = false,
): string {
  const families = new Families();
  const seen = new Map<string, string>();
  for (const { file, document } of documents) {
    const views = viewsOf(document);
    for (const [n, point] of reportPoints(document, file).entries()) {
      const { document: part } = views[n]!;
      const labels = { ...labelsOf(part, point), ...runLabel ? { run: point.id } : {} };
      const key = pairsOf(labels); // as they are written: long arguments are cut off there
      const other = seen.get(key);
      if (other !== undefined) {
        throw new SameSeriesError(
          `${other} and ${file} have the same test, arguments, load and machine under test, and would be one sample`,
        );
      }
      seen.set(key, file);
      addDocument(families, part, point, labels);
    }
  }
  return families.toString();
}

function labelsOf(document: ResultDocument, point: ReportPoint): Labels {
  const { defaults = {} } = document.test;
  const named = (name: string) => point.params.get(name) ?? defaults[name] ?? "";
  const others = [...point.params].filter(([name]) => name !== "size" && name !== "socktype").toSorted();
  return {
    test: point.test,
    ...point.class === null ? {} : { class: point.class },
    offered_bps: String(point.offeredBps ?? ""),
    size: named("size"),
    socktype: named("socktype"),
    testers: String(point.clientCount),
    under_test: underTest(document, point.class),
    ...Object.fromEntries(others.map(([name, value]) => [`arg_${name.replace(/\W/g, "_")}`, value])),
  };
}

/** The machines that the testers sent to, as the run description has them. */
function underTest({ config }: ResultDocument, of: string | null): string {
  const clients = (config as { clients?: unknown } | null)?.clients;
  if (!Array.isArray(clients)) return "";
  const names = clients.filter((client: { class?: unknown } | null) => of === null || client?.class === of)
    .map((client: { target?: unknown } | null) => client?.target)
    .filter((target) => typeof target === "string");
  return [...new Set(names)].join(" ");
}

function addDocument(families: Families, document: ResultDocument, point: ReportPoint, labels: Labels): void {
  const add = families.add.bind(families);
  const verdict = { VALID: 0, SUSPECT: 1, INVALID: 2 }[point.verdict];
  add("ipbench_verdict", "Verdict of the run: 0 VALID, 1 SUSPECT, 2 INVALID.", labels, verdict);
  const ended = Date.parse(document.run.ended) / 1000;
  add("ipbench_ended_timestamp_seconds", "When the run ended, in seconds since 1970.", labels, ended);
  const rate = "Payload of all testers together, in bits per second.";
  for (
    const [kind, value] of [["offered", point.offeredBps], ["sent", point.sentBps], [
      "received",
      point.receivedBps,
    ]]
  ) {
    add("ipbench_rate_bps", rate, { ...labels, kind: kind as string }, value as number | null);
  }
  for (const [outcome, value] of Object.entries(document.total.counts ?? {})) {
    if (typeof value === "number") {
      add("ipbench_packets", "Packets of the measured phase by outcome.", { ...labels, outcome }, value);
    }
  }
  addSummary(
    families,
    "ipbench_response_time_seconds",
    "Round trip from when a packet was due.",
    labels,
    point.response,
  );
  addSummary(
    families,
    "ipbench_service_time_seconds",
    "Round trip from when a packet left.",
    labels,
    point.service,
  );
  addOutages(families, point, labels);
  for (const effect of point.effects) {
    for (const bound of ["estimate", "low", "high"] as const) {
      const ns = effect.added_ns?.[bound];
      add("ipbench_effect_seconds", "Change of the mean response time while another class was active.", {
        ...labels,
        of: effect.of,
        bound,
      }, ns === undefined ? null : figure(ns / 1e9));
    }
  }
  for (const use of cpuUse(point.targets)) {
    add("ipbench_target_cpu_percent", "CPU use of a target, of all its CPUs.", {
      ...labels,
      target: use.host,
    }, figure(use.total));
  }
  for (const { test, name, unit, value } of point.metrics) {
    add("ipbench_metric", "A test's own figure, of all testers or targets together.", {
      ...labels,
      of: test,
      metric: name,
      unit,
    }, figure(value));
  }
}

/** How long it was dark; nothing where nobody reports it. */
function addOutages(families: Families, { outages: { total } }: ReportPoint, labels: Labels): void {
  if (total === null) return;
  const add = families.add.bind(families);
  add("ipbench_outages", "Outages of all testers: runs of lost packets.", labels, total.count);
  add("ipbench_outage_packets", "Packets lost in them.", labels, total.packets);
  const seconds = "Times of outages, and of stalls without loss, of the tester that was dark longest.";
  const times = [
    ["outage_longest", total.longest_ns],
    ["outage_sum", total.sum_ns],
    ["stall_longest", total.stall_longest_ns],
    ["stall_sum", total.stall_sum_ns],
  ] as const;
  for (const [kind, ns] of times) add("ipbench_dark_seconds", seconds, { ...labels, kind }, figure(ns / 1e9));
  add(
    "ipbench_stalls",
    "Times without answers in which nothing was lost, of all testers.",
    labels,
    total.stalls,
  );
}

function addSummary(families: Families, name: string, help: string, labels: Labels, s: Summary | null): void {
  if (s === null) return;
  const quantiles: [string, number][] = [
    ["0.5", s.p50_ns],
    ["0.9", s.p90_ns],
    ["0.99", s.p99_ns],
    ["0.999", s.p999_ns],
    ["0.9999", s.p9999_ns],
    ["0.99999", s.p99999_ns],
    ["1", s.max_ns],
  ];
  for (const [quantile, ns] of quantiles) {
    families.add(name, help, { ...labels, quantile }, ns / 1e9, "summary");
  }
  families.add(name, help, labels, (s.mean_ns * s.count) / 1e9, "summary", "_sum");
  families.add(name, help, labels, s.count, "summary", "_count");
}
