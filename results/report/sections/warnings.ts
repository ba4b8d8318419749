/**
 * What a reader should know before believing a figure.
 *
 * @module
 */
import { formatCount, formatShare } from "../../../base/figures.ts";
import { isLasting, lossOf, type ReportModel } from "../model.ts";
import type { ReportPoint } from "../point.ts";

/** Samples that have to lie beyond a percentile for it to mean anything. */
const SAMPLES_BEYOND = 10;
/** Curves that every kind of chart draws. */
const DISTRIBUTION_CURVES = 4;
/** Share of response over service time at p99 from which the two differ too much to ignore. */
const RESPONSE_OVER_SERVICE = 1.5;

/** One warning. */
export interface Warning {
  level: "bad" | "note";
  text: string;
}

/** All warnings of a report, the gravest first. */
export function warningsOf(model: ReportModel): Warning[] {
  const found: Warning[] = [];
  const bad = (text: string) => found.push({ level: "bad", text });
  const note = (text: string) => found.push({ level: "note", text });
  const { points } = model;
  const { length: runs } = model.runs;
  const many = runs > 1;

  const invalid = model.runs.filter((point) => point.run.verdict === "INVALID");
  if (many && invalid.length === runs) {
    bad("All runs are INVALID. Their figures are drawn, and are not to be used.");
  } else if (many && invalid.length > 0) {
    bad(
      `${invalid.length} of ${runs} runs are INVALID. Curves leave them out; the charts mark them with a cross.`,
    );
  }
  const suspect = model.runs.filter((point) => point.run.verdict === "SUSPECT").length;
  if (many && suspect > 0) note(`${suspect} of ${runs} runs are SUSPECT and drawn all the same.`);
  if (model.errorCount > 0) bad(`${model.errorCount} file(s) could not be read; they are listed below.`);
  const cut = model.runs.filter((point) => point.failed || point.interrupted).length;
  if (cut > 0) {
    bad(`${cut === 1 && !many ? "The run" : `${cut} run(s)`} did not come to an end: figures are partial.`);
  }

  const failed = points.reduce((sum, point) => sum + point.failedClients, 0);
  if (failed > 0) bad(`${failed} tester(s) failed: sums are over the others.`);
  const original = points.filter((point) => point.originalPeers > 0).length;
  if (original > 0) {
    note(
      "Some testers are original daemons. They tell no distribution, loss or clock: such figures are missing, not zero.",
    );
  }
  const serviceOnly = points.filter((point) => point.response === null && point.service !== null).length;
  if (serviceOnly > 0) {
    bad(
      "Only service time is known for some runs. It leaves out how long packets waited to be sent, " +
        "and so looks better than what users see (coordinated omission).",
    );
  }
  addTails(points, note);
  addLateness(points, note);
  addMixtures(model, bad, note);
  return found.sort((a, b) => a.level === b.level ? 0 : a.level === "bad" ? -1 : 1);
}

/** High percentiles of few samples are one or two packets. */
function addTails(points: readonly ReportPoint[], note: (text: string) => void): void {
  const smallest = points.reduce<number>(
    (least, point) => Math.min(least, point.response?.count ?? Infinity),
    Infinity,
  );
  for (const [name, share] of [["p99.9", 1e-3], ["p99.99", 1e-4], ["p99.999", 1e-5]] as const) {
    if (smallest * share < SAMPLES_BEYOND) {
      note(
        `${name} and beyond rest on few packets: of ${formatCount(smallest)} samples ` +
          `${
            smallest * share < 1 ? "none" : `only ${formatCount(Math.floor(smallest * share))}`
          } can lie above ${name}. ` +
          `${formatCount(Math.ceil(SAMPLES_BEYOND / share))} samples would do.`,
      );
      return;
    }
  }
}

/** Where response and service time differ, the tester was late; where loss is high, latencies are of survivors. */
function addLateness(points: readonly ReportPoint[], note: (text: string) => void): void {
  const late =
    points.filter((point) =>
      point.verdict !== "INVALID" && point.response !== null && point.service !== null &&
      point.response.p99_ns > RESPONSE_OVER_SERVICE * point.service.p99_ns
    ).length;
  if (late > 0) {
    note(
      `In ${late} run(s) response p99 is far above service p99: packets left late. Quote the response time.`,
    );
  }
  const lossy = points.reduce<number>((most, point) => Math.max(most, lossOf(point) ?? 0), 0);
  if (lossy > 0.01) {
    note(
      `Up to ${formatShare(lossy)} of the packets were lost or spoilt. ` +
        "Latencies are those of packets that came back: compare them only together with the loss.",
    );
  }
}

function addMixtures(model: ReportModel, bad: (text: string) => void, note: (text: string) => void): void {
  const tests = new Set(model.runs.map((point) => point.test));
  if (tests.size > 1) bad(`Runs of different tests are mixed: ${[...tests].slice(0, 5).join(", ")}.`);
  const kernels = model.changed.filter((change) => /kernel/i.test(change.name));
  for (const change of kernels.slice(0, 3)) {
    bad(`The kernel of ${change.host} changed between runs: ${change.values.slice(0, 3).join(", ")}.`);
  }
  const others = model.changed.filter((change) => !/kernel/i.test(change.name));
  if (others.length > 0) {
    const names = others.slice(0, 4).map((change) => `${change.name} of ${change.host}`).join("; ");
    note(`Hosts changed between runs: ${names}${others.length > 4 ? "; …" : ""}.`);
  }
  const hosts = differences(model.testers);
  if (hosts.some((difference) => /kernel|cpu.*model|driver/i.test(difference))) {
    note("Testers are not alike (see Environment): differences between them may come from that.");
  }
  if (model.groups.length > DISTRIBUTION_CURVES) {
    note(
      `There are ${model.groups.length} curves. The charts draw the first 8 of throughput, 6 of latency against load, ` +
        `and ${DISTRIBUTION_CURVES} of percentiles, histograms and time; the table of points has all.`,
    );
  }
  const versions = new Set(model.points.map((point) => point.version));
  if (versions.size > 1) {
    note(`Written by different versions of ipbench: ${[...versions].slice(0, 4).join(", ")}.`);
  }
}

/** What is another on every host, and no difference. */
const NAMES = /(^|[._])(hostname|host|address|mac|serial|uuid|machine_id|boot_id)$/i;

/** Names of the lasting facts in which hosts differ. What one of them does not report is no difference. */
export function differences(hosts: ReadonlyMap<string, ReadonlyMap<string, string>>): string[] {
  if (hosts.size < 2) return [];
  const names = new Set([...hosts.values()].flatMap((facts) => [...facts.keys()]));
  return [...names].filter((name) =>
    isLasting(name) && !NAMES.test(name) &&
    new Set([...hosts.values()].flatMap((facts) => facts.get(name) ?? [])).size > 1
  );
}
