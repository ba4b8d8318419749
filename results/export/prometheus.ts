/**
 * Results for Prometheus' node exporter (textfile collector).
 *
 * @module
 */
import type { ResultDocument, Summary } from "../document.ts";
import { parseArgs } from "../report/args.ts";
import { cpuUse } from "../report/model.ts";
import { reportPoint } from "../report/point.ts";

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
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`).join(",");
    // A scraper refuses a line that comes twice: the later run replaces the earlier.
    family.lines.set(`${name}${suffix}{${pairs}}`, value);
  }

  toString(): string {
    return [...this.#families].map(([name, { help, type, lines }]) =>
      `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${
        [...lines].map(([line, value]) => `${line} ${value}`).join("\n")
      }\n`
    ).join("");
  }
}

function escapeLabel(text: string): string {
  return text.slice(0, 200).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replace(/\r?\n|\r/g, "\\n");
}

/**
 * The figures of documents in Prometheus' text format.
 *
 * @param documents One or more, oldest first; of two with the same test, load and size the later one stays.
 */
export function prometheusText(documents: readonly ResultDocument[]): string {
  const families = new Families();
  for (const document of documents) addDocument(families, document);
  return families.toString();
}

function addDocument(families: Families, document: ResultDocument): void {
  const point = reportPoint(document, "");
  const args = parseArgs(document.clients[0]?.args ?? document.test.args);
  const labels: Labels = {
    test: point.test,
    offered_bps: String(point.offeredBps ?? ""),
    size: args.get("size") ?? "",
  };
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
  for (const use of cpuUse(point)) {
    add("ipbench_target_cpu_percent", "CPU use of a target, of all its CPUs.", {
      ...labels,
      target: use.host,
    }, use.total);
  }
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
