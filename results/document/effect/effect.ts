/**
 * What the activity of one class did to another: the victim's response time, rate and loss before, during and after it,
 * and how well the difference is known.
 *
 * @module
 */
import { meanChange, phaseMean, type WeightedValue } from "../../stats/mean_change.ts";
import type { Window } from "../common_window.ts";
import type { ClassEffect, ClientResult } from "../document.ts";
import { Histogram } from "../histogram.ts";
import { decodeHistogram, HistogramError } from "../histogram_codec.ts";

/** A class as its effect on others is judged. */
export interface ActiveClass {
  name: string;
  /** From its first start to the last end of its sending, on the controller's clock; `null`: not known. */
  active: Window | null;
}

type Phase = NonNullable<ClassEffect["before"]>;
type PhaseName = "before" | "during" | "after";

/** How the intervals of the changes are made; the document has it with each. */
const METHOD =
  "Welch's interval of the difference of two means of a series, each with the wider variance of batch means " +
  "and of the effective number of values";

/** Share of a mean below which a change, or a bound of it, is 0. */
const SMALLEST_CHANGE = 1e-12;

/** One interval of a tester's series, on the controller's clock. */
interface Slice extends Window {
  sent: number;
  ok: number;
  /** `null`: the tester does not know, as over TCP. */
  lost: number | null;
  mean_ns: number | null;
  max_ns: number | null;
  /** Its response times less `from_ns`, encoded. */
  times: string | null;
  from_ns: number;
  /** Payload that came back, bit. */
  bits: number | null;
}

/**
 * Compares what a class's testers measured while another class was active with what they measured before and after.
 *
 * @param victim name of the class whose figures are compared
 * @param clients its testers whose results came
 * @param others the other classes
 * @returns one entry for each of them whose activity is known, where the testers report their figures by interval
 */
export function effectsOn(
  victim: string,
  clients: readonly ClientResult[],
  others: readonly ActiveClass[],
): ClassEffect[] {
  const slices = clients.map(slicesOf);
  const all = slices.flat();
  if (all.length === 0 || slices.some((own) => own.length === 0)) return [];
  const inBytes = clients.some(countsBytes);
  const start = Math.min(...slices.map((own) => own[0]!.start_ns));
  const end = Math.max(...slices.map((own) => own.at(-1)!.end_ns));
  const known = others.flatMap(({ name, active }) => active === null ? [] : [{ name, active }]);
  return known.map(({ name, active }) => {
    // What is active all through the other's time is part of each phase; where anything else comes or goes, nobody could
    // tell whose doing a change is.
    const third = known.filter((other) => other.name !== name);
    const [from, to] = [Math.max(start, active.start_ns), Math.min(end, active.end_ns)];
    const covers = (other: Window) => other.start_ns <= from && other.end_ns >= to;
    const background = third.filter((other) => covers(other.active));
    const isClear = (slice: Window) =>
      third.every((other) =>
        background.includes(other) ? lies(slice, other.active) : !touches(slice, other.active)
      );
    const spans: Record<PhaseName, Window> = {
      before: { start_ns: start, end_ns: active.start_ns },
      during: { start_ns: Math.max(start, active.start_ns), end_ns: Math.min(end, active.end_ns) },
      after: { start_ns: active.end_ns, end_ns: end },
    };
    const inside = (phase: PhaseName) =>
      slices.map((own) => own.filter((slice) => lies(slice, spans[phase]) && isClear(slice)));
    const [before, during, after] = (["before", "during", "after"] as const).map((phase) => ({
      slices: inside(phase),
      span: spans[phase],
    }));
    const base = has(before!) ? before! : after!;
    return {
      victim,
      of: name,
      ...inBytes && { unit: "byte" as const },
      active,
      background: background.map((other) => other.name),
      before: phaseOf(before!),
      during: phaseOf(during!),
      after: phaseOf(after!),
      added_ns: changeOf(base, during!, meanTimes),
      received_bps: changeOf(base, during!, rates),
      left_ns: changeOf(before!, after!, meanTimes),
    };
  });
}

/** What the testers report of a phase. */
interface Part {
  /** By tester. */
  slices: Slice[][];
  span: Window;
}

function has({ slices }: Part): boolean {
  return slices.some((own) => own.length > 0);
}

function lies(slice: Window, span: Window): boolean {
  return slice.start_ns >= span.start_ns && slice.end_ns <= span.end_ns;
}

function touches(slice: Window, span: Window): boolean {
  return slice.start_ns < span.end_ns && slice.end_ns > span.start_ns;
}

/** Whether a tester's series counts bytes, as that of bulk transfer does. */
function countsBytes({ engine }: ClientResult): boolean {
  return engine?.["series_unit"] === "byte";
}

/**
 * Bits of one packet (or byte) of a tester's series that came back. The rates are of those that left within the measured phase,
 * the series of all that were due in it: one is not the other's sum where packets left late.
 */
function bitsOfEach(client: ClientResult, length: number): number | null {
  const { series = [], rates, pacing, metrics } = client;
  const received = series.reduce((sum, { ok }) => sum + ok, 0);
  if (rates === null || rates.received_bps === null || received === 0) return null;
  if (countsBytes(client)) return 8;
  const answers = metrics.find(({ name }) => name === "completed_rate")?.value ?? 0;
  if (answers > 0) return rates.received_bps / answers;
  // Of the others an answer is as large as what it answers.
  const packets = pacing?.["achieved_pps"];
  if (typeof packets === "number" && packets > 0 && rates.sent_bps !== null) return rates.sent_bps / packets;
  return (rates.received_bps * length) / received;
}

/** A tester's intervals; none when it does not report when they were. */
function slicesOf(client: ClientResult): Slice[] {
  const { series, window, counts } = client;
  if (series === undefined || series.length < 2 || window === undefined) return [];
  const length = (window.end_ns - window.start_ns) / 1e9;
  const perPacket = bitsOfEach(client, length);
  const isUncounted = countsBytes(client) && counts === null;
  return series.flatMap((point, n): Slice[] => {
    const start = window.start_ns + point.t_ns;
    const next = series[n + 1];
    const end = next === undefined ? window.end_ns : window.start_ns + next.t_ns;
    if (!(end > start)) return [];
    return [{
      start_ns: start,
      end_ns: end,
      sent: point.sent,
      ok: point.ok,
      lost: isUncounted ? null : point.lost,
      mean_ns: point.mean_ns ?? null,
      max_ns: point.max_ns ?? null,
      times: point.times ?? null,
      from_ns: point.times_from_ns ?? 0,
      bits: perPacket === null ? null : point.ok * perPacket,
    }];
  });
}

function phaseOf({ slices }: Part): Phase | null {
  const all = slices.flat();
  if (all.length === 0) return null;
  const sum = (key: "sent" | "ok") => all.reduce((total, slice) => total + slice[key], 0);
  const answered = all.filter(({ ok }) => ok > 0);
  const timed = answered.filter(({ mean_ns }) => mean_ns !== null);
  const slowest = answered.flatMap(({ max_ns }) => max_ns ?? []);
  const ok = sum("ok");
  return {
    start_ns: all.reduce((least, { start_ns }) => Math.min(least, start_ns), Infinity),
    end_ns: all.reduce((most, { end_ns }) => Math.max(most, end_ns), -Infinity),
    intervals: all.length,
    sent: sum("sent"),
    ok,
    lost: all.reduce<number | null>(
      (total, { lost }) => total === null || lost === null ? null : total + lost,
      0,
    ),
    received_bps: receivedOf(slices),
    mean_ns: timed.length === 0 || timed.length < answered.length
      ? null
      : timed.reduce((total, slice) => total + slice.mean_ns! * slice.ok, 0) / ok,
    max_ns: slowest.length === 0 ? null : slowest.reduce((most, each) => Math.max(most, each)),
    ...percentilesOf(answered),
  };
}

/** Of all response times together; `null` where a tester does not report those of an interval, or reports others than it had. */
function percentilesOf(answered: readonly Slice[]): Pick<Phase, "p50_ns" | "p99_ns"> {
  const all = new Histogram();
  for (const { times, from_ns, max_ns, ok } of answered) {
    const own = times === null ? null : decoded(times);
    if (own === null || own.total !== ok) return { p50_ns: null, p99_ns: null };
    for (const { to, count } of own.buckets()) all.record(Math.min(from_ns + to, max_ns ?? Infinity), count);
  }
  if (all.total === 0) return { p50_ns: null, p99_ns: null };
  const [p50 = 0, p99 = 0] = all.valuesAtPercentiles([50, 99]);
  return { p50_ns: p50, p99_ns: p99 };
}

function decoded(text: string): Histogram | null {
  try {
    return decodeHistogram(text);
  } catch (error) {
    if (error instanceof HistogramError) return null;
    throw error;
  }
}

/** The testers' rates over the phase, added; `null` when one does not report its own. */
function receivedOf(slices: readonly Slice[][]): number | null {
  let rate = 0;
  for (const own of slices) {
    let bits = 0, ns = 0;
    for (const slice of own) {
      if (slice.bits === null) return null;
      bits += slice.bits;
      ns += slice.end_ns - slice.start_ns;
    }
    if (ns > 0) rate += bits / (ns / 1e9);
  }
  return rate;
}

type Reading = (part: Part) => WeightedValue[] | null;

function changeOf(from: Part, to: Part, read: Reading): ClassEffect["added_ns"] {
  const [a, b] = [from, to].map((part) => {
    const values = read(part);
    return values === null ? null : phaseMean(values);
  });
  if (a === null || a === undefined || b === null || b === undefined) return null;
  // Values that are all alike have a mean that is off by the last bits of a number, which is no change.
  const least = SMALLEST_CHANGE * Math.max(Math.abs(a.mean), Math.abs(b.mean));
  const { estimate, low, high } = meanChange(a, b);
  const [own, lowest, highest] = [estimate, low, high].map((value) => Math.abs(value) < least ? 0 : value);
  return { estimate: own!, low: lowest!, high: highest!, method: METHOD };
}

/**
 * The testers' slices that lie beside each other in time, as one value each: testers that ask one target at one time meet
 * the same disturbances, and are not independent of each other.
 */
function abreast({ slices, span }: Part): Slice[][] {
  const length = slices.flat().reduce((most, { start_ns, end_ns }) => Math.max(most, end_ns - start_ns), 0);
  const rows = new Map<number, Slice[]>();
  for (const slice of slices.flat()) {
    const row = Math.floor(((slice.start_ns + slice.end_ns) / 2 - span.start_ns) / length);
    const known = rows.get(row);
    if (known === undefined) rows.set(row, [slice]);
    else known.push(slice);
  }
  return [...rows].toSorted(([a], [b]) => a - b).map(([, row]) => row);
}

function meanTimes(part: Part): WeightedValue[] | null {
  const values: WeightedValue[] = [];
  for (const row of abreast(part)) {
    const answered = row.filter(({ ok }) => ok > 0);
    if (answered.some(({ mean_ns }) => mean_ns === null)) return null;
    const weight = answered.reduce((sum, { ok }) => sum + ok, 0);
    if (weight === 0) continue;
    values.push({
      value: answered.reduce((sum, { ok, mean_ns }) => sum + ok * mean_ns!, 0) / weight,
      weight,
    });
  }
  return values;
}

function rates(part: Part): WeightedValue[] | null {
  const values: WeightedValue[] = [];
  const testers = part.slices.filter((own) => own.length > 0).length;
  for (const row of abreast(part)) {
    let bits = 0, ns = 0;
    for (const slice of row) {
      if (slice.bits === null) return null;
      bits += slice.bits;
      ns += slice.end_ns - slice.start_ns;
    }
    values.push({ value: (bits / (ns / 1e9)) * testers, weight: ns });
  }
  return values;
}
