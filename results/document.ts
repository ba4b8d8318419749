/**
 * The result document, "ipbench-result/1": the one thing a run leaves behind. Everything that is printed, plotted or
 * compared is derived from it. Times are nanoseconds and end in `_ns`, rates end in `_bps` (bits per second), counts
 * are integers. `null` means "this peer could not tell"; a number is never made up.
 *
 * @module
 */

/** The value of {@linkcode ResultDocument.format}. */
export const RESULT_FORMAT = "ipbench-result/1";

/** What a run is worth: VALID, SUSPECT (use with care) or INVALID (do not use). */
export type Verdict = "VALID" | "SUSPECT" | "INVALID";

/** A distribution of times in nanoseconds. */
export interface Summary {
  count: number;
  min_ns: number;
  mean_ns: number;
  stddev_ns: number;
  p50_ns: number;
  p90_ns: number;
  p99_ns: number;
  p999_ns: number;
  p9999_ns: number;
  p99999_ns: number;
  max_ns: number;
}

/** What became of the packets due in the measured phase: `sent = ok + lost + late + corrupt`, exactly. */
export interface Counts {
  sent: number;
  ok: number;
  lost: number;
  /** Answered after the drain phase's end. */
  late: number;
  corrupt: number;
  /** Beside the sum: answers that came again. */
  duplicate: number;
  /** Beside the sum: answers overtaken by a later packet's. */
  reordered: number;
}

/** Rates over the measured phase, in bit/s of test payload (raw: of whole Ethernet frames). */
export interface Rates {
  requested_bps: number | null;
  sent_bps: number | null;
  received_bps: number | null;
}

/** How one metric of several testers, or targets, becomes the run's; "none": it does not. */
export const METRIC_TOTALS = ["none", "sum", "mean", "max", "min"] as const;
/** Which direction of a metric is an improvement. */
export const METRIC_BETTER = ["unknown", "more", "less"] as const;

/** A named figure of a test that is not about latency. */
export interface Metric {
  name: string;
  value: number;
  unit: string;
  /** As its test says; missing where it does not say. */
  total?: typeof METRIC_TOTALS[number] | undefined;
  better?: typeof METRIC_BETTER[number] | undefined;
}

/** A figure of all testers together, or of all targets of one test. */
export interface TotalMetric extends Metric {
  /** The test that reports it. */
  test: string;
  /** How many testers or targets it is made of. */
  of: number;
}

/** Why a verdict is not VALID. `code` is a stable name such as "send-lateness"; `text` a sentence. */
export interface Reason {
  level: "SUSPECT" | "INVALID";
  code: string;
  text: string;
}

/** One interval of a client's measured phase, for rate and loss over time. */
export interface SeriesPoint {
  /** Start of the interval, from the start of the measured phase. */
  t_ns: number;
  sent: number;
  ok: number;
  lost: number;
  p50_ns?: number | null;
  p99_ns?: number | null;
  max_ns?: number | null;
}

/** 95 % confidence interval of a figure, and how it was made. */
export interface Interval {
  estimate_ns: number;
  low_ns: number;
  high_ns: number;
  /** Of a median: half the width as a share of the values below it, with which several testers' are put together. */
  half_share?: number;
  method: string;
}

/** What a plugin's `results` says (see `struct ipbench_plugin_ext`), after validation. */
export interface PluginResults {
  counts?: Counts | undefined;
  rates?: Rates | undefined;
  pacing?: { lateness: Summary | null; [key: string]: unknown } | undefined;
  latency?: { response: Summary | null; service: Summary | null } | undefined;
  /** HdrHistogram V2 in base64; from a plugin not compressed, in the document compressed. */
  histograms?: { response: string | null; service: string | null; lateness?: string | null } | undefined;
  metrics?: Metric[] | undefined;
  reasons?: Reason[] | undefined;
  series?: SeriesPoint[] | undefined;
  confidence?: { mean: Interval | null; median: Interval | null } | undefined;
  engine?: Record<string, unknown> | undefined;
  layers?: Record<string, unknown> | undefined;
  window?: { start_ns: number; end_ns: number } | undefined;
  environment?: Record<string, unknown> | undefined;
}

/** One tester's part. */
export interface ClientResult
  extends Omit<PluginResults, "histograms" | "counts" | "rates" | "pacing" | "latency"> {
  host: string;
  port: number;
  args: string;
  /** Present when this client failed: phase, cause and remedy in a sentence. */
  error?: string;
  /** "ipbench-1.0" for an original, otherwise name and version, "ipbenchd/1.0.0". `null` when it never answered. */
  peer: string | null;
  /** Offset of the client's clock to the controller's, true within ± error. */
  clock: { offset_ns: number; error_ns: number; [key: string]: unknown } | null;
  start: { planned_ns: number; actual_ns: number; [key: string]: unknown } | null;
  counts: Counts | null;
  rates: Rates | null;
  pacing: { lateness: Summary | null; [key: string]: unknown } | null;
  latency: { response: Summary | null; service: Summary | null } | null;
  histograms: { response: string | null; service: string | null; lateness?: string | null } | null;
  metrics: Metric[];
}

/** One target's part. */
export interface TargetResult {
  host: string;
  port: number;
  test: string;
  args: string;
  error?: string;
  peer: string | null;
  metrics: Metric[];
  /** What the target's plugin printed. */
  text: string | null;
  environment: Record<string, unknown> | null;
  clock?: { offset_ns: number; error_ns: number; [key: string]: unknown } | null;
  start?: { planned_ns: number; actual_ns: number; [key: string]: unknown } | null;
  reasons?: Reason[];
  /** When it measured, on the controller's clock; compare with `total.window`. */
  window?: { start_ns: number; end_ns: number };
  /** How far its begin and end are from those of `total.window`, added. */
  window_off_ns?: number;
}

/** The whole document. */
export interface ResultDocument {
  format: typeof RESULT_FORMAT;
  ipbench: { version: string; build: string };
  run: {
    id: string;
    /** ISO 8601, UTC. */
    started: string;
    ended: string;
    verdict: Verdict;
    /** Sentences; the first names the main cause. */
    reasons: string[];
    /** The same, with level, code and who said it. */
    details?: (Reason & { host?: string })[];
    /** True when the run did not come to its end. */
    failed?: boolean;
    interrupted?: boolean;
  };
  config: unknown;
  test: {
    name: string;
    args: string;
    /** What an argument was that nobody gave, as far as the test tells: "64" for size, say. */
    defaults?: Record<string, string>;
  };
  clients: ClientResult[];
  targets: TargetResult[];
  total: {
    counts: Counts | null;
    rates: Rates | null;
    latency: { response: Summary | null; service: Summary | null };
    histograms?: { response: string | null; service: string | null; lateness?: string | null };
    confidence?: { mean: Interval | null; median: Interval | null };
    window?: { start_ns: number; end_ns: number } | null;
    /** Of the testers first, then of the targets; those that do not add up are left out. */
    metrics?: TotalMetric[];
  };
  /** The row that the plugins printed, unchanged. */
  csv: string;
  /** Names of its columns, where the plugins tell. */
  csv_header?: string | null;
}
