/**
 * How long it was dark: runs of lost packets and times without answers, as a tester reports them, and of all testers together.
 *
 * @module
 */
import * as v from "valibot";
import { amount, count, list, open, text } from "./parts.ts";

/** One outage: a run of packets in a row of which none was answered. */
const outage = open({
  /** When its first packet was due, from the start of the measured phase. */
  t_ns: amount,
  /** The same as a date, ISO 8601, UTC, by the tester's clock. */
  at: v.optional(v.nullable(text)),
  /** Packets × the interval between them (RFC 6201, RFC 6412). */
  length_ns: amount,
  /** How far the length may be off: one interval, and what packets at the edges left late. */
  error_ns: v.optional(amount),
  packets: count,
  /** Of them: those that never left this machine. */
  refused: v.optional(count),
  /** Number of the flow, of an outage that not all flows had. */
  flow: v.optional(count),
  /** It may have begun before the measured phase, or have gone on after it: the length is what lies in it. */
  open_begin: v.optional(v.boolean()),
  open_end: v.optional(v.boolean()),
});

const sums = {
  count,
  packets: count,
  refused: v.optional(count),
  sum_ns: amount,
  longest_ns: amount,
  longest_packets: v.optional(count),
};

/** Runs of lost packets by their length (loss periods, RFC 3357): `from` to `to` packets. */
const runLength = open({ from: count, to: count, runs: count, packets: count });

/** A time without answers in which nothing was lost: TCP repeats, or the own link takes nothing. */
const stall = open({
  t_ns: amount,
  at: v.optional(v.nullable(text)),
  length_ns: amount,
  open_end: v.optional(v.boolean()),
});

/** What one tester reports. */
export const outages = open({
  /** Fewer packets in a row are no outage. */
  least_packets: count,
  /** Why there are no times, where there are none. */
  reason: v.optional(text),
  interval_ns: v.optional(amount),
  ...v.partial(v.object(sums)).entries,
  /** When the last packet that was lost, alone or not, was due, from the start of the measured phase; missing: none was. */
  last_lost_ns: v.exactOptional(amount),
  /** The longest ones, in the order of their times, and how many more there were. */
  list: v.optional(list(outage)),
  left_out: v.optional(count),
  /** Flows that had any, the longest dark of them, and outages that not all flows had. */
  flows_dark: v.optional(count),
  flows: v.optional(list(open({ flow: count, ...sums }))),
  flow_list: v.optional(list(outage)),
  flow_left_out: v.optional(count),
  runs: open({ count, packets: count, lengths: list(runLength) }),
  stalls: open({
    limit_ns: amount,
    count,
    sum_ns: amount,
    longest_ns: amount,
    list: list(stall),
    left_out: count,
  }),
});

/** Of all testers together; times are not added up over testers. */
export const totalOutages = open({
  /** Of all testers. */
  count,
  packets: count,
  /** Of the tester that was dark longest in all. */
  sum_ns: amount,
  longest_ns: amount,
  /** Of all testers. */
  stalls: count,
  /** Of the tester that was held up longest in all. */
  stall_sum_ns: amount,
  stall_longest_ns: amount,
});

export type Outage = v.InferOutput<typeof outage>;
export type Outages = v.InferOutput<typeof outages>;
export type TotalOutages = v.InferOutput<typeof totalOutages>;
