/**
 * The result document, "ipbench-result/1": the one thing a run leaves behind. Everything that is printed, plotted or
 * compared is derived from it. Times are nanoseconds and end in `_ns`, rates end in `_bps` (bits per second), counts
 * are integers. `null` means "this peer could not know"; a number is never made up.
 *
 * @module
 */
import * as v from "valibot";
import {
  clock,
  confidence,
  counts,
  effect,
  histograms,
  type interval,
  latency,
  metric,
  pacing,
  pluginEntries,
  rates,
  reason,
  type SeriesPoint,
  start,
  type summary,
  totalMetric,
  VERDICTS,
  window,
} from "./schema.ts";
import { amount, count, freeform, list, open, output, text } from "./shapes/parts.ts";
import { runEvent } from "./shapes/events.ts";
import { totalOutages } from "./shapes/outages.ts";
import { oneWay, type rawOneWay, stampClock } from "./shapes/one_way.ts";

export type { SeriesPoint };

export type { CommandEvent, LinkEvent, RunEvent } from "./shapes/events.ts";
export type { Outage, Outages, TotalOutages } from "./shapes/outages.ts";

/** The value of {@linkcode ResultDocument.format}. */
export const RESULT_FORMAT = "ipbench-result/1";

/** What a plugin's `results` may hold. */
const plugin = open(pluginEntries);

const common = {
  host: text,
  port: count,
  args: text,
  /** Present when this one failed: phase, cause and remedy in a sentence. */
  error: v.exactOptional(text),
  /** Its class, in a run of several tests; a target without one serves them all. */
  class: v.exactOptional(text),
  /** "ipbench-1.0" for an original, otherwise name and version, "ipbenchd/1.0.0". `null` when it never answered. */
  peer: v.nullable(text),
};

/** One tester's part. */
const client = open({
  ...pluginEntries,
  ...common,
  /** What others call it who send to it, and the number of the client that it sends to. */
  name: v.exactOptional(text),
  to: v.exactOptional(count),
  clock: v.nullable(clock),
  start: v.nullable(start),
  counts: v.nullable(counts),
  rates: v.nullable(rates),
  pacing: v.nullable(pacing),
  latency: v.nullable(latency),
  histograms: v.nullable(histograms),
  metrics: list(metric),
  one_way: v.exactOptional(oneWay),
});

/** One target's part. */
const target = open({
  ...common,
  test: text,
  metrics: list(metric),
  /** What the target's plugin printed. */
  text: v.nullable(output),
  environment: v.nullable(freeform),
  clock: v.exactOptional(v.nullable(clock)),
  start: v.exactOptional(v.nullable(start)),
  reasons: v.exactOptional(list(reason)),
  /** What its stamps are by, where testers compare theirs with them. */
  stamp_clock: v.exactOptional(stampClock),
  /** When it measured, on the controller's clock; compare with `total.window`. */
  window: v.exactOptional(window),
  /** How far its begin and end are from those of `total.window`, added. */
  window_off_ns: v.exactOptional(amount),
});

/** A reason with whom it is about. */
const detail = open({ ...reason.entries, host: v.exactOptional(text), class: v.exactOptional(text) });

/** What a figure had to be, and whether it was. */
const gate = open({
  metric: text,
  operator: v.picklist(["<", "<=", ">", ">="]),
  limit: text,
  class: v.exactOptional(text),
  /** ns, bit/s, percent, or the unit of the test's own figure; `null`: there is no such figure, and so it is not met. */
  value: v.nullable(v.number()),
  met: v.boolean(),
  /** The figure in words, or why it is not known. */
  text,
});

const testEntries = {
  name: text,
  args: text,
  /** The values of arguments that nobody gave, as far as the test reports them: "64" for size, for example. */
  defaults: v.exactOptional(v.record(text, text)),
};

const total = open({
  counts: v.nullable(counts),
  rates: v.nullable(rates),
  latency,
  histograms: v.exactOptional(histograms),
  /** Of one-way delays: the largest error of any tester's. */
  one_way_error_ns: v.exactOptional(v.nullable(amount)),
  confidence: v.exactOptional(confidence),
  window: v.exactOptional(v.nullable(window)),
  /** How long it was dark; `null` where a tester does not report it. */
  outages: v.exactOptional(v.nullable(totalOutages)),
  /** Of the testers first, then of the targets; those that do not add up are left out. */
  metrics: v.exactOptional(list(totalMetric)),
});

/** One of several tests: its testers together. */
const classPart = open({
  /** Of the class. */
  name: text,
  test: text,
  /** Of its first client. */
  args: text,
  defaults: testEntries.defaults,
  /** When its testers were to start and end, from the run's begin; `null`: when the test does by itself. */
  begin_ns: amount,
  end_ns: v.nullable(amount),
  /** From the first start to the last end of its sending, on the controller's clock; `null`: not known. */
  active: v.nullable(window),
  ...total.entries,
  csv: output,
  csv_header: v.exactOptional(v.nullable(text)),
  verdict: v.picklist(VERDICTS),
  /** Sentences, the gravest first. */
  reasons: list(text),
});

/** Lines of a console that was attached to the run. */
const attached = open({
  name: text,
  /** When each came, on the controller's clock: as `total.window`. */
  lines: list(open({ at_ns: amount, text })),
  /** Lines that were too many. */
  dropped: count,
});

/** The whole document. */
export const document = open({
  format: v.literal(RESULT_FORMAT),
  ipbench: open({ version: text, build: text }),
  run: open({
    id: text,
    /** ISO 8601, UTC. */
    started: text,
    ended: text,
    verdict: v.picklist(VERDICTS),
    /** Sentences; the first names the main cause. */
    reasons: list(text),
    /** The same, with level, code and whose it is. */
    details: v.exactOptional(list(detail)),
    /** True when the run did not come to its end. */
    failed: v.exactOptional(v.boolean()),
    interrupted: v.exactOptional(v.boolean()),
  }),
  config: v.unknown(),
  /** In a run with classes: the first class's, as are `total` and `csv_header`. */
  test: open(testEntries),
  clients: list(client),
  targets: list(target),
  total,
  /** In the order of the file; not there in a run without classes. */
  classes: v.exactOptional(list(classPart)),
  /** Consoles whose lines were read beside the run. */
  attached: v.exactOptional(list(attached)),
  /** What each further class did to the first. */
  effect: v.exactOptional(list(effect)),
  /** What was done to the machines on purpose while the run went on, in the order of its end. */
  events: v.exactOptional(list(runEvent)),
  /** What was expected of the figures, in the order of the configuration. */
  gates: v.exactOptional(list(gate)),
  /** The row that the plugins printed, unchanged; with classes one of each. */
  csv: output,
  /** Names of its columns, where the plugins name them. */
  csv_header: v.exactOptional(v.nullable(text)),
});

/** What a run is worth: VALID, SUSPECT (use with care) or INVALID (do not use). */
export type Verdict = typeof VERDICTS[number];
export type Summary = v.InferOutput<typeof summary>;
/** What was recorded of one direction between two clocks; see `controller/outcome/one_way_delay.ts`. */
export type RawOneWay = v.InferOutput<typeof rawOneWay>;
/** How one-way delays were made. */
export type OneWay = v.InferOutput<typeof oneWay>;
export type Counts = v.InferOutput<typeof counts>;
export type Rates = v.InferOutput<typeof rates>;
export type Metric = v.InferOutput<typeof metric>;
export type TotalMetric = v.InferOutput<typeof totalMetric>;
export type Reason = v.InferOutput<typeof reason>;
export type Interval = v.InferOutput<typeof interval>;
/** What a plugin's `results` gives (see `struct ipbench_plugin_ext`), after validation. */
export type PluginResults = v.InferOutput<typeof plugin>;
export type ClientResult = v.InferOutput<typeof client>;
export type TargetResult = v.InferOutput<typeof target>;
/** One class's part of a document. */
export type ClassResult = v.InferOutput<typeof classPart>;
/** What a figure had to be, and whether it was. */
export type GateResult = v.InferOutput<typeof gate>;
/** What one class did to another. */
export type ClassEffect = v.InferOutput<typeof effect>;
export type AttachedConsole = v.InferOutput<typeof attached>;
export type ResultDocument = v.InferOutput<typeof document>;
