/**
 * The figures of a run as metrics of OpenTelemetry, sent by OTLP over HTTP while it runs.
 *
 * @module
 */

import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { within } from "../../base/deadline.ts";
import { messageOf } from "../../base/errors.ts";
import { formatAddress } from "../../config/address.ts";
import type { ProgressEvent } from "../../controller/run/progress.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { type RunWatcher, Tallies, type Tally } from "./tally.ts";

/** Time between two exports unless OTEL_METRIC_EXPORT_INTERVAL says otherwise, in ms: the standard's minute is a whole run. */
const EXPORT_EVERY_MS = 5_000;
/** How long one may take unless OTEL_METRIC_EXPORT_TIMEOUT says otherwise, in ms. */
const EXPORT_WITHIN_MS = 5_000;
/** How long the last one may take, for which the end of the program waits, in ms. */
const LAST_WITHIN_MS = 3_000;
/** Exports that may be under way; what comes while a collector does not answer is dropped. */
const EXPORTS_AT_A_TIME = 2;
/** Up to so many testers each one's figures are sent; of more, the sums of each class. */
const MOST_TESTERS = 1_000;

type Sum = (tally: Tally) => number | null;

/** Sums since the begin of the measured phase. */
const COUNTS: [name: string, of: Sum, text: string][] = [
  ["ipbench.packets.sent", ({ sent }) => sent, "Packets of the measured phase that were sent"],
  ["ipbench.packets.ok", ({ ok }) => ok, "Packets that were answered well"],
  ["ipbench.packets.bad", ({ bad }) => bad, "Packets whose answer was late or corrupt"],
];

/** What goes up and down. */
const LEVELS: [name: string, unit: string, of: Sum, text: string][] = [
  ["ipbench.packets.lost", "{packet}", ({ lost }) => lost, "Packets that are given up, or overdue"],
  ["ipbench.received.rate", "bit/s", (tally) => tally.received_bps, "Received at present"],
  ["ipbench.sent.rate", "bit/s", (tally) => tally.sent_bps, "Sent at present"],
  ["ipbench.response_time.p50", "s", seconds("worst_p50_ns"), "Median of the response time so far"],
  ["ipbench.response_time.p99", "s", seconds("worst_p99_ns"), "99th percentile of the response time so far"],
  [
    "ipbench.response_time.p999",
    "s",
    seconds("worst_p999_ns"),
    "99.9th percentile of the response time so far",
  ],
  ["ipbench.response_time.max", "s", seconds("max_ns"), "Largest response time so far"],
  ["ipbench.dark", "s", seconds("dark_ns"), "For how long nothing has come back"],
];

function seconds(key: "worst_p50_ns" | "worst_p99_ns" | "worst_p999_ns" | "max_ns" | "dark_ns"): Sum {
  return (tally) => tally[key] === null ? null : tally[key] / 1e9;
}

/** An exporter that reports when it cannot send. */
class TellingExporter extends OTLPMetricExporter {
  constructor(timeoutMillis: number, readonly onFailure: (error: Error | undefined) => void) {
    super({ timeoutMillis, concurrencyLimit: EXPORTS_AT_A_TIME });
  }

  override export(...[metrics, done]: Parameters<OTLPMetricExporter["export"]>): void {
    super.export(metrics, (result) => {
      if (result.code !== 0) this.onFailure(result.error);
      done(result);
    });
  }
}

/** Sends the figures of one run. */
export class OtlpMetrics implements RunWatcher {
  #tallies: Tallies | null = null;
  #provider: MeterProvider | null = null;
  #warned = false;

  /**
   * @param warn Receives a sentence, once, when nothing can be sent.
   * @param milliseconds Gives an environment variable that is a time; `null`: not given.
   */
  constructor(
    readonly warn: (sentence: string) => void,
    readonly milliseconds: (name: string) => number | null,
  ) {}

  begin(document: ResultDocument): void {
    if (this.#tallies !== null) return;
    const tallies = new Tallies(document);
    this.#tallies = tallies;
    const every = this.milliseconds("OTEL_METRIC_EXPORT_INTERVAL") ?? EXPORT_EVERY_MS;
    const within = Math.min(this.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT") ?? EXPORT_WITHIN_MS, every);
    this.#provider = new MeterProvider({
      resource: resourceFromAttributes({
        "service.name": "ipbench",
        "service.version": document.ipbench.version,
      })
        .merge(detectResources({ detectors: [envDetector] })),
      readers: [
        new PeriodicExportingMetricReader({
          exporter: new TellingExporter(within, (error) => this.#cannotSend(error)),
          exportIntervalMillis: every,
          exportTimeoutMillis: within,
        }),
      ],
    });
    const meter = this.#provider.getMeter("ipbench", document.ipbench.version);
    const tests = new Map(document.classes?.map(({ name, test }) => [name, test]));
    const runOf = (name: string | undefined): Record<string, string> => ({
      "ipbench.run": document.run.id,
      "ipbench.test": tests.get(name ?? "") ?? document.test.name,
      ...name !== undefined && { "ipbench.class": name },
    });
    const parts = () => partsOf(tallies, runOf);
    for (const [name, of, description] of COUNTS) {
      meter.createObservableCounter(name, { unit: "{packet}", description }).addCallback((result) => {
        for (const { attributes, tally } of parts()) observe(result, of(tally), attributes);
      });
    }
    for (const [name, unit, of, description] of LEVELS) {
      meter.createObservableGauge(name, { unit, description }).addCallback((result) => {
        for (const { attributes, tally } of parts()) observe(result, of(tally), attributes);
      });
    }
    const states = { unit: "{tester}", description: "Testers by what has become of them" };
    meter.createObservableGauge("ipbench.testers", states).addCallback((result) => {
      for (const tally of tallies.sums()) {
        const { clients, done, failed } = tally;
        for (const [state, count] of Object.entries({ running: clients - done - failed, done, failed })) {
          result.observe(count, { ...runOf(tally.class), "ipbench.state": state });
        }
      }
    });
  }

  take(event: ProgressEvent): void {
    this.#tallies?.take(event);
  }

  /**
   * Sends what there is still; bounded, never rejects.
   *
   * @param document The result, whose figures are the last ones.
   */
  async finish(document: Pick<ResultDocument, "clients">): Promise<void> {
    if (this.#provider === null) return;
    this.#tallies?.settle(document);
    const last = this.#provider.shutdown().catch((error) => this.#cannotSend(error));
    if (!(await within(last, LAST_WITHIN_MS))) this.#cannotSend(new Error("the last of them are not taken"));
  }

  #cannotSend(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const why = error === undefined ? "no reason given" : messageOf(error).slice(0, 200);
    this.warn(`metrics cannot be sent to the collector (${why}); the run goes on without`);
  }
}

/** Whose figures are sent: each tester's, or each class's. */
function partsOf(
  tallies: Tallies,
  runOf: (name: string | undefined) => Record<string, string>,
): { attributes: Record<string, string>; tally: Tally }[] {
  if (tallies.size > MOST_TESTERS) {
    return tallies.sums().map((tally) => ({ attributes: runOf(tally.class), tally }));
  }
  return tallies.each().map(({ peer, tally }) => ({
    attributes: { ...runOf(peer.class), "ipbench.tester": formatAddress(peer) },
    tally,
  }));
}

/** A number that nobody has reported is none. */
function observe(
  result: { observe(value: number, attributes: Record<string, string>): void },
  value: number | null,
  attributes: Record<string, string>,
): void {
  if (value !== null) result.observe(value, attributes);
}
