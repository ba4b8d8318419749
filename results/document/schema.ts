/**
 * The shapes of a result document's parts, as valibot schemas: one description for what a plugin gives, for what a file
 * holds, and for the types of both (`document.ts`). Sizes are bounded, because both come from elsewhere.
 *
 * @module
 */
import * as v from "valibot";
import { BETTER, TOTALS } from "../../base/metric_kinds.ts";
import { forward, oneWayRecord, stampClock } from "./shapes/one_way.ts";
import { outages } from "./shapes/outages.ts";
import { amount, count, encoded, freeform, list, number, open, rate, text } from "./shapes/parts.ts";

/** What a run is worth: VALID, SUSPECT (use with care) or INVALID (do not use). */
export const VERDICTS = ["VALID", "SUSPECT", "INVALID"] as const;

/** Most intervals of one client's series. */
const SERIES_LIMIT = 1_000_000;

/** The figures of a distribution. */
export const SUMMARY_KEYS = [
  "count",
  "min_ns",
  "mean_ns",
  "stddev_ns",
  "p50_ns",
  "p90_ns",
  "p99_ns",
  "p999_ns",
  "p9999_ns",
  "p99999_ns",
  "max_ns",
] as const;

const summaryEntries = Object.fromEntries(SUMMARY_KEYS.map((key) => [key, amount])) as Record<
  typeof SUMMARY_KEYS[number],
  typeof amount
>;
/** A distribution of times in nanoseconds. */
export const summary = open({ ...summaryEntries, count });

/** What became of the packets due in the measured phase: `sent = ok + lost + late + corrupt`, exactly. */
export const counts = open({
  sent: count,
  ok: count,
  lost: count,
  /** Answered after the drain phase's end. */
  late: count,
  corrupt: count,
  /** Beside the sum: answers that came again. */
  duplicate: count,
  /** Beside the sum: answers overtaken by a later packet's. */
  reordered: count,
});

/** Rates over the measured phase, in bit/s of test payload (raw: of whole Ethernet frames). */
export const rates = open({
  requested_bps: rate,
  sent_bps: rate,
  received_bps: rate,
});

/** A named figure of a test that is not about latency. */
export const metric = open({
  name: text,
  value: number,
  unit: text,
  /** Of how many (packets, streams) it is the mean or the share: what it counts for in a mean of several. */
  weight: v.exactOptional(amount),
  /** As its test declares; missing where it does not. */
  total: v.optional(v.picklist(TOTALS)),
  better: v.optional(v.picklist(BETTER)),
});
/** A figure of all testers together, or of all targets of one test. */
export const totalMetric = open({
  ...metric.entries,
  /** The test that reports it. */
  test: text,
  /** How many testers or targets it is made of. */
  of: count,
});

/** Why a verdict is not VALID. `code` is a stable name such as "send-lateness"; `text` a sentence. */
export const reason = open({ level: v.picklist(["SUSPECT", "INVALID"]), code: text, text });

export const latency = open({
  response: v.nullable(summary),
  service: v.nullable(summary),
  /** One way, out and back, where the clocks of both ends are known well enough; see `one_way`. */
  forward: v.exactOptional(v.nullable(summary)),
  backward: v.exactOptional(v.nullable(summary)),
});

export const pacing = v.objectWithRest({ lateness: v.nullable(summary) }, v.unknown());

/** HdrHistogram V2 in base64; from a plugin not compressed, in the document compressed. */
export const histograms = open({
  response: encoded,
  service: encoded,
  lateness: v.optional(encoded),
  forward: v.exactOptional(encoded),
  backward: v.exactOptional(encoded),
});

/** 95 % confidence interval of a figure, and how it was made. */
export const interval = open({
  estimate_ns: amount,
  low_ns: number,
  high_ns: number,
  /** Of a median: half the width as a share of the values below it, with which several testers' are put together. */
  half_share: v.optional(amount),
  method: text,
});
export const confidence = open({ mean: v.nullable(interval), median: v.nullable(interval) });

/** When it measured. */
export const window = open({ start_ns: number, end_ns: number });

/** A change from one phase to another, with its 95 % interval and how that was made. */
export const change = open({ estimate: number, low: number, high: number, method: text });

/** What the testers of a class measured in one phase: in all intervals of their series that lie in it whole. */
export const phase = open({
  start_ns: number,
  end_ns: number,
  /** How many intervals, of all testers. */
  intervals: count,
  sent: count,
  ok: count,
  /** `null`: the test does not know, as over TCP. */
  lost: v.nullable(count),
  /** Payload that came back, of all testers. */
  received_bps: rate,
  /** Response time: mean of all packets, and their slowest. */
  mean_ns: v.nullable(amount),
  max_ns: v.nullable(amount),
  /** Percentiles of it, at most 0.9 % above the true ones; `null`: the testers do not report the times of each interval. */
  p50_ns: v.exactOptional(v.nullable(amount)),
  p99_ns: v.exactOptional(v.nullable(amount)),
});

/** What the activity of one class did to another, the victim. */
export const effect = open({
  /** Names of classes. */
  victim: text,
  of: text,
  /** What `sent`, `ok` and `lost` of the phases count; packets or requests when missing. */
  unit: v.exactOptional(v.literal("byte")),
  /** When the other one was active, on the controller's clock. */
  active: window,
  /** Other classes that were active all through that time: every phase lies in theirs, too. */
  background: list(text),
  before: v.nullable(phase),
  during: v.nullable(phase),
  after: v.nullable(phase),
  /** Response time, ns: `during` less `before` (without it, less `after`). */
  added_ns: v.nullable(change),
  /** The same of what came back, bit/s. */
  received_bps: v.nullable(change),
  /** Response time, ns: `after` less `before`. */
  left_ns: v.nullable(change),
});

/** Offset of a clock to the controller's, true within ± error. */
export const clock = v.objectWithRest({ offset_ns: number, error_ns: amount }, v.unknown());
export const start = v.objectWithRest({ planned_ns: number, actual_ns: number }, v.unknown());

/** One interval of a client's measured phase, for rate and loss over time. */
export interface SeriesPoint {
  /** Start of the interval, from the start of the measured phase. */
  t_ns: number;
  sent: number;
  ok: number;
  lost: number;
  /** Of the response times of its packets. */
  mean_ns?: number | null;
  p50_ns?: number | null;
  p99_ns?: number | null;
  max_ns?: number | null;
  /** Response times less `times_from_ns` (0 when missing): HdrHistogram's V2 encoding. Where the controller asked for them. */
  times?: string | null;
  times_from_ns?: number | null;
}

/**
 * A client's intervals. Checked in one loop, because a sweep holds millions of them; an optional figure may be missing
 * or null.
 */
export const series = v.pipe(
  v.array(v.unknown()),
  v.maxLength(SERIES_LIMIT),
  v.rawTransform<unknown[], SeriesPoint[]>(({ dataset, addIssue, NEVER }) => {
    for (const [index, point] of dataset.value.entries()) {
      const wrong = wrongKey(point);
      if (wrong !== null) {
        addIssue({ message: `interval ${index}: ${wrong}` });
        return NEVER;
      }
    }
    return dataset.value as SeriesPoint[];
  }),
);

/** Names the first key of an interval that is not what it should be. */
function wrongKey(point: unknown): string | null {
  if (typeof point !== "object" || point === null || Array.isArray(point)) return "expected an object";
  const record = point as Record<string, unknown>;
  for (const key of ["t_ns", "sent", "ok", "lost"]) {
    const value = record[key];
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      return `${key}: expected a number from 0`;
    }
  }
  if (record.times !== undefined && record.times !== null && typeof record.times !== "string") {
    return "times: expected a text";
  }
  for (const key of ["mean_ns", "p50_ns", "p99_ns", "max_ns", "times_from_ns"]) {
    const value = record[key];
    if (value === undefined || value === null) continue;
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      return `${key}: expected a number from 0`;
    }
  }
  return null;
}

/** What one of several threads of a tester did; its counts and rates add up to the tester's. */
export const thread = open({
  /** From 0. */
  thread: count,
  /** The processor that it was bound to; `null`: to none. */
  cpu: v.exactOptional(v.nullable(count)),
  counts: v.exactOptional(counts),
  rates: v.exactOptional(rates),
  lateness: v.exactOptional(v.nullable(summary)),
  response: v.exactOptional(v.nullable(summary)),
  /** It could not keep up, and nothing but its processor held it up. */
  at_limit: v.exactOptional(v.boolean()),
  /** How much of the measured phase it was running, from 0 to 1. */
  running_share: v.exactOptional(amount),
  /** How much of it others had its processor. */
  waiting_share: v.exactOptional(amount),
});

/** What a plugin's `results` may hold; every key may be missing. */
export const pluginEntries = {
  counts: v.optional(counts),
  rates: v.optional(rates),
  pacing: v.optional(pacing),
  latency: v.optional(latency),
  histograms: v.optional(histograms),
  metrics: v.optional(list(metric)),
  reasons: v.optional(list(reason)),
  threads: v.optional(list(thread)),
  /** Those of the other end, where it reports them: of the same traffic. */
  target_threads: v.optional(list(thread)),
  series: v.optional(series),
  outages: v.optional(outages),
  confidence: v.optional(confidence),
  engine: v.optional(freeform),
  layers: v.optional(freeform),
  window: v.optional(window),
  environment: v.optional(freeform),
  /** Why a meter of processors knows of no energy; what it knows is a metric. */
  energy: v.exactOptional(open({ joules: v.null(), why: text })),
  one_way_record: v.exactOptional(oneWayRecord),
  /** What a STAMP sender knows of its session and its reflector. */
  stamp: v.exactOptional(freeform),
  stamp_clock: v.exactOptional(stampClock),
  forward: v.optional(forward),
};

/**
 * Says where a value is wrong and how: `clients[3].counts.sent: expected a number, found "12"`.
 *
 * @param issues valibot's, the first of which is reported.
 * @returns one sentence without a full stop.
 */
export function describeIssue(issues: readonly v.BaseIssue<unknown>[]): string {
  const issue = issues[0];
  if (issue === undefined) return "not what was expected";
  const path = (issue.path ?? []).map((item) => {
    const key = (item as { key?: unknown }).key;
    return typeof key === "number" ? `[${key}]` : `.${String(key).slice(0, 60)}`;
  }).join("").replace(/^\./, "");
  const at = path === "" ? "" : `${path}: `;
  if (issue.type === "raw_transform") return at + issue.message;
  if (issue.received === "undefined" || issue.input === undefined) return `${at}is missing`;
  const expected = EXPECTED[issue.type] ?? issue.expected ?? issue.type;
  const requirement = typeof (issue as { requirement?: unknown }).requirement === "number"
    ? ` ${(issue as { requirement?: unknown }).requirement}`
    : "";
  return `${at}expected ${expected}${EXPECTED_WITH_LIMIT.has(issue.type) ? requirement : ""}, found ${
    shown(issue.input)
  }`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  number: "a number",
  finite: "a finite number",
  integer: "a whole number",
  string: "a text",
  array: "a list",
  loose_object: "an object",
  object_with_rest: "an object",
  record: "an object",
  boolean: "true or false",
  min_value: "at least",
  max_value: "at most",
  max_length: "a length of at most",
};
const EXPECTED_WITH_LIMIT = new Set(["min_value", "max_value", "max_length"]);

function shown(input: unknown): string {
  if (input === null) return "null";
  if (Array.isArray(input)) return `a list of ${input.length}`;
  if (typeof input === "object") return "an object";
  if (typeof input === "string") {
    return input.length > 60 ? `a text of ${input.length} characters` : JSON.stringify(input);
  }
  return String(input);
}
