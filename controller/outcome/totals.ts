/**
 * All testers together: counts added, histograms merged as they come in, rates added over the one common window.
 *
 * @module
 */

import type {
  ClientResult,
  Counts,
  Interval,
  PluginResults,
  Rates,
  ResultDocument,
  Summary,
} from "../../results/document/document.ts";
import { commonWindow, rateFactors, type Window } from "../../results/document/common_window.ts";
import { DEFAULT_LAYOUT, Histogram, summarizeMerged } from "../../results/document/histogram.ts";
import { addOutages } from "../../results/document/outages.ts";
import { decodeHistogram, encodeHistogram } from "../../results/document/histogram_codec.ts";

const KINDS = ["response", "service", "lateness"] as const;
/** Made of what testers recorded when the clocks of both ends are known. */
const ONE_WAY_KINDS = ["forward", "backward"] as const;
type Kind = typeof KINDS[number] | typeof ONE_WAY_KINDS[number];

/** Keeps one merged histogram of each kind, however many testers there are. */
export class Merger {
  #merged = new Map<Kind, Histogram>();

  /**
   * Adds what one tester's plugin reported.
   *
   * @param results its results
   * @throws {HistogramError} when a histogram cannot be read; then it adds nothing
   */
  add(results: PluginResults | null): void {
    this.#add(KINDS, results?.histograms ?? null);
  }

  /**
   * Adds one tester's one-way delays.
   *
   * @param histograms its histograms
   */
  addOneWay(histograms: PluginResults["histograms"] | null): void {
    this.#add(ONE_WAY_KINDS, histograms ?? null);
  }

  #add(kinds: readonly Kind[], histograms: PluginResults["histograms"] | null): void {
    for (const kind of kinds) {
      const text = histograms?.[kind];
      if (text === undefined || text === null) continue;
      const into = this.#merged.get(kind) ?? new Histogram(DEFAULT_LAYOUT);
      decodeHistogram(text, into);
      this.#merged.set(kind, into);
    }
  }

  /**
   * Sums up.
   *
   * @param all every client's part of the document, failed ones too
   * @returns the document's `total`
   */
  total(all: readonly ClientResult[]): ResultDocument["total"] {
    const clients = all.filter((client) => client.error === undefined && client.peer !== null);
    const window = commonWindow(clients);
    const outages = clients.map((client) => client.outages);
    const response = this.#summary("response", clients);
    return {
      counts: addCounts(clients),
      rates: addRates(clients, window),
      latency: {
        response,
        service: this.#summary("service", clients),
        ...this.#oneWay(clients, (kind) => this.#summary(kind, clients)),
      },
      histograms: {
        response: this.#encoded("response"),
        service: this.#encoded("service"),
        lateness: this.#encoded("lateness"),
        ...this.#oneWay(clients, (kind) => this.#encoded(kind)),
      },
      ...oneWayError(clients),
      confidence: {
        mean: poolMeans(clients),
        median: poolMedians(clients, this.#merged.get("response"), response),
      },
      window,
      ...outages.some((each) => each !== undefined) ? { outages: addOutages(outages) } : {},
    };
  }

  /** Of both directions, where the test measures such; `null` for one that a tester does not know. */
  #oneWay<T>(
    clients: readonly ClientResult[],
    of: (kind: typeof ONE_WAY_KINDS[number]) => T,
  ): Partial<Record<typeof ONE_WAY_KINDS[number], T | null>> {
    const kinds = ONE_WAY_KINDS.filter((kind) =>
      clients.some(({ one_way }) => (one_way?.[kind] ?? null) !== null)
    );
    return Object.fromEntries(
      kinds.map((
        kind,
      ) => [kind, clients.every(({ latency }) => (latency?.[kind] ?? null) !== null) ? of(kind) : null]),
    );
  }

  #encoded(kind: Kind): string | null {
    const histogram = this.#merged.get(kind);
    return histogram === undefined ? null : encodeHistogram(histogram);
  }

  #summary(kind: Exclude<Kind, "lateness">, clients: readonly ClientResult[]): Summary | null {
    const merged = this.#merged.get(kind);
    const parts = clients.flatMap((client) => client.latency?.[kind] ?? []);
    if (merged !== undefined) return summarizeMerged(merged, parts);
    return parts.length === 1 && clients.length === 1 ? parts[0]! : null;
  }
}

/** The largest error of any tester's one-way delays, where there are such. */
function oneWayError(clients: readonly ClientResult[]): { one_way_error_ns?: number | null } {
  const ways = clients.flatMap(({ one_way }) => one_way ?? []).flatMap((
    { forward, backward },
  ) => [forward, backward]);
  const present = ways.filter((way) => way !== null);
  if (present.length === 0) return {};
  const errors = present.flatMap(({ error_ns }) => error_ns ?? []);
  return { one_way_error_ns: errors.length === present.length ? Math.max(...errors) : null };
}

/** Without any tester that counts, or with one that does not: `null`. */
function addCounts(clients: readonly ClientResult[]): Counts | null {
  const total: Counts = { sent: 0, ok: 0, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
  if (clients.length === 0) return null;
  for (const { counts } of clients) {
    if (counts === null) return null;
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key];
  }
  return total;
}

/** Rates are added over the common window; of testers that share none, only what was requested can be added. */
function addRates(clients: readonly ClientResult[], window: Window | null): Rates | null {
  if (clients.length === 0 || clients.every((client) => client.rates === null)) return null;
  const add = (key: keyof Rates, factor: (client: ClientResult) => number) => {
    let sum = 0;
    for (const client of clients) {
      const rate = client.rates?.[key] ?? null;
      if (rate === null) return null;
      sum += rate * factor(client);
    }
    return sum;
  };
  const requested_bps = add("requested_bps", () => 1);
  if (window !== null && window.end_ns <= window.start_ns) {
    return { requested_bps, sent_bps: null, received_bps: null };
  }
  const factors = new Map(window === null ? [] : clients.map((each) => [each, rateFactors(each, window)]));
  const within = (key: "sent" | "ok") => (client: ClientResult) => factors.get(client)?.[key] ?? 1;
  return {
    requested_bps,
    sent_bps: add("sent_bps", within("sent")),
    received_bps: add("received_bps", within("ok")),
  };
}

interface Part {
  interval: Interval;
  /** Its tester's share of all values. */
  share: number;
}

/** Every tester's interval, `null` when one has none. */
function intervals(clients: readonly ClientResult[], key: "mean" | "median"): Part[] | null {
  const weights = clients.map((client) => client.latency?.response?.count ?? 0);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const parts: Part[] = [];
  for (const [index, client] of clients.entries()) {
    const interval = client.confidence?.[key] ?? null;
    if (interval === null) return null;
    parts.push({ interval, share: weights[index]! / all });
  }
  return parts.length === 0 || all === 0 ? null : parts;
}

function methodOf(parts: readonly Part[]): string {
  return `${parts[0]!.interval.method}; ${parts.length} testers, widths added by their share of the values`;
}

/**
 * The pooled values' mean is the testers' means weighted by their numbers of values. Their errors are added as they
 * are, not in squares: testers that ask one target at one time meet the same disturbances, and a sum's deviation is
 * never more than the sum of the deviations, however alike they are.
 */
function poolMeans(clients: readonly ClientResult[]): Interval | null {
  const parts = intervals(clients, "mean");
  if (parts === null || parts.length === 1) return parts?.[0]?.interval ?? null;
  let estimate = 0, half = 0;
  for (const { interval, share } of parts) {
    estimate += share * interval.estimate_ns;
    half += share * (interval.high_ns - interval.estimate_ns); // the low end may be cut off at 0
  }
  return {
    estimate_ns: estimate,
    low_ns: Math.max(0, estimate - half),
    high_ns: estimate + half,
    method: methodOf(parts),
  };
}

/**
 * The median of the merged histogram; never one made of medians. Its interval is Woodruff's (J. Amer. Statist. Assoc.
 * 47, 1952): the interval of the share of values below it, read back as quantiles. That share is the testers' shares
 * weighted, and so is its error, added as for the mean; each tester reports it at its own median, where it is greatest.
 */
function poolMedians(
  clients: readonly ClientResult[],
  merged: Histogram | undefined,
  summary: Summary | null,
): Interval | null {
  const parts = intervals(clients, "median");
  if (parts === null || parts.length === 1) return parts?.[0]?.interval ?? null;
  if (merged === undefined || summary === null) return null;
  let half = 0;
  for (const { interval, share } of parts) {
    if (interval.half_share === undefined) return null;
    half += share * interval.half_share;
  }
  const [low, high] = merged.valuesAtPercentiles([50 - 100 * half, 50 + 100 * half]);
  return {
    estimate_ns: summary.p50_ns,
    low_ns: Math.max(low!, summary.min_ns),
    high_ns: Math.min(high!, summary.max_ns),
    half_share: half,
    method: methodOf(parts),
  };
}
