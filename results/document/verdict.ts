/**
 * Can a run's figures be trusted? Plugins judge themselves; the rest is judged here, from the document alone.
 * What the target did wrong is a result. What the measuring side did wrong is a reason.
 *
 * @module
 */
import { formatTime } from "../../base/figures.ts";
import { canBeCut, commonShare } from "./common_window.ts";
import type {
  ClientResult,
  Counts,
  Metric,
  Reason,
  ResultDocument,
  TargetResult,
  Verdict,
} from "./document.ts";
import { hostNames } from "./host_names.ts";

/** Limits beyond which a run is SUSPECT or INVALID. All are documented in docs/reports.md. */
export interface VerdictThresholds {
  /** Share of the requested rate below which the sending side did not do what it was asked, as far above 1, too: SUSPECT. */
  sentShareSuspect: number;
  /** The same: INVALID. */
  sentShareInvalid: number;
  /** Bound of a tester's clock offset above which the agreed start means little, in ns: SUSPECT. */
  clockErrorSuspectNs: number;
  /** How far a tester's start may be from the agreed instant, in ns: SUSPECT. */
  startSkewSuspectNs: number;
  /** Share of a tester's measured phase that is common to all, below which rates that cannot be cut mix times: SUSPECT. */
  commonWindowSuspect: number;
}

/** The thresholds that are used unless others are given. */
const VERDICT_THRESHOLDS: VerdictThresholds = {
  sentShareSuspect: 0.99,
  sentShareInvalid: 0.9,
  clockErrorSuspectNs: 5_000_000,
  startSkewSuspectNs: 50_000_000,
  commonWindowSuspect: 0.9,
};

/** A reason, with the host it is about, and its class in a run of several tests. */
export type HostReason = Reason & { host?: string; class?: string };

/** The document's verdict with everything that led to it. */
export interface Judgement {
  verdict: Verdict;
  /** Sentences, the gravest first. */
  reasons: string[];
  details: HostReason[];
}

/** What {@linkcode judge} examines. */
export type Judged = Pick<ResultDocument, "clients" | "targets" | "total"> & {
  run?: { failed?: boolean; interrupted?: boolean };
};

/** The verdict of a list of reasons: the gravest of them, VALID when there are none. */
export function verdictOf(reasons: readonly Reason[]): Verdict {
  if (reasons.some((reason) => reason.level === "INVALID")) return "INVALID";
  return reasons.length > 0 ? "SUSPECT" : "VALID";
}

/**
 * Judges a run.
 *
 * @param document The parts that are known so far.
 * @param thresholds Limits; those left out have their defaults.
 * @param extra Reasons that the controller has of its own (a missed deadline, a peer that vanished).
 * @param nameOf Names hosts; as the document alone would have it when left out.
 * @returns verdict, sentences and details, the gravest first.
 */
export function judge(
  document: Judged,
  thresholds: Partial<VerdictThresholds> = {},
  extra: readonly HostReason[] = [],
  nameOf: NameOf = hostNames(document),
): Judgement {
  const limits = { ...VERDICT_THRESHOLDS, ...thresholds };
  const details = new Details(extra);
  if (document.run?.interrupted === true) details.add("INVALID", "interrupted", "the run was interrupted");
  else if (document.run?.failed === true && extra.length === 0) {
    details.add("INVALID", "failed", "the run did not come to its end");
  }
  for (const client of document.clients) {
    judgeClient(details, client, nameOf(client), limits, document.run?.failed === true);
  }
  for (const target of document.targets) judgeTarget(details, target, nameOf(target));
  judgeSinks(details, document, nameOf);
  judgeWindow(details, document, limits, nameOf);
  if (document.clients.length === 0) details.add("INVALID", "no-clients", "no tester took part");
  const order = { INVALID: 0, SUSPECT: 1 };
  details.all.sort((a, b) => order[a.level] - order[b.level]);
  return judgementOf(details.all);
}

/** Whether nothing came from a tester. */
function isEmpty({ counts, rates, start, metrics }: ClientResult): boolean {
  return counts === null && rates === null && start === null && metrics.length === 0;
}

/** The judgement that reasons come to. */
function judgementOf(details: HostReason[]): Judgement {
  return { verdict: verdictOf(details), reasons: sentencesOf(details), details };
}

/** Reasons as sentences that name class and host, each once. */
function sentencesOf(details: readonly HostReason[]): string[] {
  const sentences = details.map(({ text, host, class: of }) => {
    const who = [of === undefined ? "" : `class ${of}`, host ?? ""].filter((part) => part !== "").join(", ");
    return who === "" ? text : `${who}: ${text}`;
  });
  return [...new Set(sentences)];
}

/** One of several tests of a run, as it is judged: with its own testers, targets and totals. */
export interface JudgedClass extends Judged {
  name: string;
}

/**
 * Judges a run of several tests: each by itself, then what is about the run as a whole.
 *
 * @param run How it ended, and all its hosts.
 * @param classes Its tests; a target that serves all is with the first.
 * @param extra Reasons that the controller has of its own; those of a class name it.
 * @returns the whole judgement, and that of each class
 */
export function judgeClasses(
  run: Judged,
  classes: readonly JudgedClass[],
  extra: readonly HostReason[],
): { whole: Judgement; classes: Judgement[] } {
  const failed = run.run?.failed === true;
  const nameOf = hostNames(run);
  const judged = classes.map(({ name, ...part }) => {
    const own = extra.filter((reason) => reason.class === name).map(({ class: _, ...reason }) => reason);
    // How the run ended is a reason of the whole run, given once.
    const { details } = judge({ ...part, run: { failed } }, {}, own, nameOf);
    const found = details.filter(({ code }) => code !== "failed" || own.length > 0);
    if ((failed || run.run?.interrupted === true) && part.clients.every(isEmpty) && found.length === 0) {
      found.push({
        level: "INVALID",
        code: "no-result",
        text: "the run ended before its testers had a result",
      });
    }
    return { name, ...judgementOf(found) };
  });
  const rest = extra.filter((reason) => reason.class === undefined);
  const ending: HostReason[] = run.run?.interrupted === true
    ? [{ level: "INVALID", code: "interrupted", text: "the run was interrupted" }]
    : failed && extra.length === 0
    ? [{ level: "INVALID", code: "failed", text: "the run did not come to its end" }]
    : [];
  const named = judged.flatMap(({ name, details }) =>
    details.map((reason): HostReason => ({ ...reason, class: name }))
  );
  const details = [...ending, ...rest, ...named];
  const order = { INVALID: 0, SUSPECT: 1 };
  details.sort((a, b) => order[a.level] - order[b.level]);
  return { whole: judgementOf(details), classes: judged };
}

type NameOf = ReturnType<typeof hostNames>;

/** Reasons as they are found. */
class Details {
  readonly all: HostReason[] = [];
  readonly #known = new Set<string>();

  constructor(first: readonly HostReason[]) {
    for (const reason of first) this.#push(reason);
  }

  /** Adds a reason, unless the host has given the same already. */
  add(level: Reason["level"], code: string, text: string, host?: string): void {
    if (this.#known.has(keyOf(code, host))) return;
    this.#push(host === undefined ? { level, code, text } : { level, code, text, host });
  }

  #push(reason: HostReason): void {
    this.all.push(reason);
    this.#known.add(keyOf(reason.code, reason.host));
  }
}

function keyOf(code: string, host = ""): string {
  return `${code} ${host}`;
}

function judgeClient(
  details: Details,
  client: ClientResult,
  host: string,
  limits: VerdictThresholds,
  runFailed: boolean,
): void {
  for (const reason of client.reasons ?? []) details.add(reason.level, reason.code, reason.text, host);
  if (client.error !== undefined) {
    // A run that went on without a tester was allowed to.
    if (runFailed) details.add("INVALID", "client-error", client.error, host);
    else details.add("SUSPECT", "missing-client", client.error, host);
  }
  const isJudged = client.reasons?.some((reason) => reason.level === "INVALID") ?? false;
  if (client.counts !== null) judgeCounts(details, client, client.counts, host, isJudged);
  // A plugin that gives reasons, be it none, has judged its own sending: it knows its limits and what its load allows.
  if (client.reasons === undefined) judgeRate(details, client, host, limits);
  if (client.clock !== null && client.clock.error_ns > limits.clockErrorSuspectNs) {
    const error = (client.clock.error_ns / 1e6).toFixed(1);
    details.add("SUSPECT", "clock-error", `its clock is known to ± ${error} ms only`, host);
  }
  if (client.start !== null) {
    const skew = Math.abs(client.start.actual_ns - client.start.planned_ns);
    if (skew > limits.startSkewSuspectNs) {
      const text = `started ${(skew / 1e6).toFixed(1)} ms away from the agreed instant`;
      details.add("SUSPECT", "start-skew", text, host);
    }
  }
}

/** For testers that cannot judge themselves, originals above all. */
function judgeRate(
  details: Details,
  { rates, latency }: ClientResult,
  host: string,
  limits: VerdictThresholds,
): void {
  const requested = rates?.requested_bps ?? null;
  const sent = rates?.sent_bps ?? null;
  if (requested === null || sent === null || requested <= 0) return;
  const share = sent / requested;
  // An original measures from its first packet to its last, an interval less than it has packets.
  const samples = latency?.service?.count ?? 0;
  const slack = share > 1 && samples > 1 ? 1 / (samples - 1) : 0;
  const off = Math.abs(1 - share) - slack;
  if (off <= 1 - limits.sentShareSuspect) return;
  const level = off > 1 - limits.sentShareInvalid ? "INVALID" : "SUSPECT";
  const code = share < 1 ? "rate-not-reached" : "rate-exceeded";
  details.add(level, code, `sent ${(100 * share).toFixed(1)} % of the requested rate`, host);
}

/** @param isJudged whether the plugin itself has given the reason: none is given twice */
function judgeCounts(
  details: Details,
  client: ClientResult,
  counts: Counts,
  host: string,
  isJudged: boolean,
): void {
  const sum = counts.ok + counts.lost + counts.late + counts.corrupt;
  if (sum !== counts.sent) {
    const text = `sent ${counts.sent} packets but accounts for ${sum} (ok, lost, late and corrupt together)`;
    details.add("INVALID", "accounting", text, host);
  }
  if (counts.sent === 0) {
    if (client.reasons?.some(({ code }) => code === "nothing-sent")) return;
    details.add("INVALID", "nothing-sent", whyNothing(client), host);
  } else if (counts.ok === 0 && !isJudged) {
    details.add("INVALID", "no-answers", "got no good answer in the measured phase", host);
  }
}

/** A phase may be shorter than the time from one packet to the next. */
function whyNothing({ pacing, metrics, window }: ClientResult): string {
  const nothing = "sent nothing in the measured phase";
  const rate = pacing?.requested_pps ?? metrics?.find(({ name }) => name === "requested_rate")?.value;
  if (window == null || typeof rate !== "number" || !(rate > 0)) return nothing;
  const seconds = (window.end_ns - window.start_ns) / 1e9;
  if (rate * seconds >= 2) return nothing;
  return `${nothing}: it took ${formatTime(seconds * 1e9)}, and at the rate asked for one is due every ${
    formatTime(1e9 / rate)
  }: ask for a longer duration or a higher rate`;
}

function judgeTarget(details: Details, target: TargetResult, host: string): void {
  for (const reason of target.reasons ?? []) {
    details.add(reason.level, reason.code, reason.text, host);
  }
  if (target.error !== undefined) details.add("INVALID", "target-error", target.error, host);
}

/**
 * A sink knows of the packets that were lost only from those that came later. The testers know how many they sent;
 * where the two differ, the sink's own figure of loss does not hold.
 */
function judgeSinks(details: Details, document: Judged, nameOf: NameOf): void {
  const sinks = document.targets.filter((target) => target.test === "sink" && target.error === undefined);
  const sent = sumOf(document.clients, "sent_packets");
  const known = sumOf(sinks, "measured_sent");
  const arrived = sumOf(sinks, "measured_received");
  if (sent === null || known === null || arrived === null || sent === known) return;
  const host = sinks.length === 1 ? nameOf(sinks[0]!) : undefined;
  if (sumOf(sinks, "packets") === 0) {
    details.add("INVALID", "nothing-arrived", `none of the ${sent} packets that were sent arrived`, host);
  } else if (known > sent) {
    const text =
      `knows of ${known} packets sent, but the testers sent ${sent}: others' are among its figures`;
    details.add("SUSPECT", "foreign-packets", text, host);
  } else {
    const lost = (100 * (1 - arrived / sent)).toFixed(2);
    const senders = sumOf(sinks, "senders") ?? 0;
    const text = `knows of ${known} of the ${sent} packets that ${document.clients.length} testers sent ` +
      `(from ${senders} senders), so its loss is too low: ${arrived} arrived, ${lost} % were lost`;
    details.add("SUSPECT", "loss-not-seen", text, host);
  }
}

/** The sum of a metric over all of them; `null` when there are none, or one does not report it. */
function sumOf(results: readonly { metrics: Metric[] }[], name: string): number | null {
  if (results.length === 0) return null;
  let sum = 0;
  for (const { metrics } of results) {
    const found = metrics.find((metric) => metric.name === name);
    if (found === undefined) return null;
    sum += found.value;
  }
  return sum;
}

/**
 * Sums of rates mean something only over the time that all testers measured. Testers that stop one after another are
 * cut to it; a reason is only what could not be cut.
 */
function judgeWindow(
  details: Details,
  document: Judged,
  limits: VerdictThresholds,
  nameOf: NameOf,
): void {
  const common = document.total.window;
  if (common === null || common === undefined || document.clients.length < 2) return;
  if (common.end_ns <= common.start_ns) {
    details.add(
      "INVALID",
      "common-window",
      "at no time did all testers measure: their rates cannot be added",
    );
    return;
  }
  for (const client of document.clients) {
    const share = commonShare(client, common);
    if (client.rates === null || share >= limits.commonWindowSuspect || canBeCut(client, common)) continue;
    const text = `all testers measured together during ${(100 * share).toFixed(0)} % of its time only, ` +
      "and it does not report what its rates were then";
    details.add("SUSPECT", "common-window", text, nameOf(client));
  }
}
