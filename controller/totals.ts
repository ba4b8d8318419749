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
} from "../results/document.ts";
import { DEFAULT_LAYOUT, Histogram, summarizeMerged } from "../results/histogram.ts";
import { decodeHistogram, encodeHistogram } from "../results/histogram_codec.ts";

const KINDS = ["response", "service", "lateness"] as const;
type Kind = typeof KINDS[number];

/** Keeps one merged histogram of each kind, however many testers there are. */
export class Merger {
  #merged = new Map<Kind, Histogram>();

  /**
   * Adds what one tester's plugin said.
   *
   * @param results its results
   * @throws {HistogramError} when a histogram cannot be read; then it adds nothing
   */
  add(results: PluginResults | null): void {
    for (const kind of KINDS) {
      const text = results?.histograms?.[kind];
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
    return {
      counts: addCounts(clients),
      rates: addRates(clients, window),
      latency: {
        response: this.#summary("response", clients),
        service: this.#summary("service", clients),
      },
      histograms: {
        response: this.#encoded("response"),
        service: this.#encoded("service"),
        lateness: this.#encoded("lateness"),
      },
      confidence: { mean: pool(clients, "mean"), median: pool(clients, "median") },
      window,
    };
  }

  #encoded(kind: Kind): string | null {
    const histogram = this.#merged.get(kind);
    return histogram === undefined ? null : encodeHistogram(histogram);
  }

  #summary(kind: "response" | "service", clients: readonly ClientResult[]): Summary | null {
    const merged = this.#merged.get(kind);
    const parts = clients.flatMap((client) => client.latency?.[kind] ?? []);
    if (merged !== undefined) return summarizeMerged(merged, parts);
    return parts.length === 1 && clients.length === 1 ? parts[0]! : null;
  }
}

/** Without any tester that counts, or with one that cannot tell: `null`. */
function addCounts(clients: readonly ClientResult[]): Counts | null {
  const total: Counts = { sent: 0, ok: 0, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
  if (clients.length === 0) return null;
  for (const { counts } of clients) {
    if (counts === null) return null;
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key];
  }
  return total;
}

function commonWindow(clients: readonly ClientResult[]): { start_ns: number; end_ns: number } | null {
  if (clients.length === 0 || clients.some((client) => client.window === undefined)) return null;
  return {
    start_ns: Math.max(...clients.map((client) => client.window!.start_ns)),
    end_ns: Math.min(...clients.map((client) => client.window!.end_ns)),
  };
}

/** A rate is added for the common window: where a tester tells its course over time, that part of it alone counts. */
function addRates(
  clients: readonly ClientResult[],
  window: { start_ns: number; end_ns: number } | null,
): Rates | null {
  if (clients.length === 0 || clients.every((client) => client.rates === null)) return null;
  const add = (key: keyof Rates, share: (client: ClientResult) => number) => {
    let sum = 0;
    for (const client of clients) {
      const rate = client.rates?.[key] ?? null;
      if (rate === null) return null;
      sum += rate * share(client);
    }
    return sum;
  };
  return {
    requested_bps: add("requested_bps", () => 1),
    sent_bps: add("sent_bps", (client) => rateIn(client, window, "sent")),
    received_bps: add("received_bps", (client) => rateIn(client, window, "ok")),
  };
}

/** How much higher than over its whole window a tester's rate was within the common one; 1 when it does not tell. */
function rateIn(
  client: ClientResult,
  common: { start_ns: number; end_ns: number } | null,
  key: "sent" | "ok",
): number {
  const { series, window } = client;
  if (common === null || window === undefined || series === undefined || series.length < 2) return 1;
  const own = window.end_ns - window.start_ns;
  const shared = common.end_ns - common.start_ns;
  if (own <= 0 || shared <= 0 || shared >= own) return 1;
  let all = 0, inside = 0;
  for (let n = 0; n < series.length; n++) {
    const from = window.start_ns + series[n]!.t_ns;
    const to = n + 1 < series.length ? window.start_ns + series[n + 1]!.t_ns : window.end_ns;
    const overlap = Math.min(to, common.end_ns) - Math.max(from, common.start_ns);
    all += series[n]![key];
    if (to > from && overlap > 0) inside += series[n]![key] * Math.min(1, overlap / (to - from));
  }
  return all === 0 ? 1 : (inside / shared) / (all / own);
}

/**
 * One interval from several: testers are independent of each other, so their errors add in squares, each weighted by
 * its number of samples. For the median this is the weighted mean of medians, which is said in `method`.
 */
function pool(clients: readonly ClientResult[], key: "mean" | "median"): Interval | null {
  const parts = clients.map((client) => ({
    interval: client.confidence?.[key] ?? null,
    weight: client.latency?.response?.count ?? 0,
  }));
  const only = parts[0];
  if (only === undefined || parts.some((part) => part.interval === null)) return null;
  if (parts.length === 1) return only.interval;
  const weight = parts.reduce((sum, part) => sum + part.weight, 0);
  if (weight <= 0) return null;
  let estimate = 0, low = 0, high = 0;
  for (const part of parts) {
    const share = part.weight / weight;
    const { estimate_ns, low_ns, high_ns } = part.interval!;
    estimate += share * estimate_ns;
    low += (share * (estimate_ns - low_ns)) ** 2;
    high += (share * (high_ns - estimate_ns)) ** 2;
  }
  return {
    estimate_ns: estimate,
    low_ns: estimate - Math.sqrt(low),
    high_ns: estimate + Math.sqrt(high),
    method: `${only.interval!.method}; ${parts.length} testers, weighted by samples`,
  };
}
