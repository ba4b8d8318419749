/**
 * The shapes of what is measured one way, between two clocks, and of what one tester sends and another one receives.
 *
 * @module
 */
import * as v from "valibot";
import { outages } from "./outages.ts";
import { amount, count, encoded, list, number, open, text } from "./parts.ts";

/** Nanoseconds as text: more digits than a number keeps. */
const wholeNs = v.pipe(v.string(), v.regex(/^-?\d{1,19}$/));

/**
 * What was recorded between two clocks whose offset was not known: distances from `base_ns`, of the values at or above it
 * and of those below it (`tests_c/lib/data/ipb_oneway.h`). Minimum, maximum and mean are distances, too.
 */
export const rawOneWay = open({
  count,
  base_ns: wholeNs,
  min_ns: number,
  max_ns: number,
  mean_ns: number,
  stddev_ns: amount,
  above: encoded,
  below: encoded,
});

/** What a tester recorded of the two directions, and what it knows of the clocks. */
export const oneWayRecord = open({
  forward: v.exactOptional(v.nullable(rawOneWay)),
  backward: v.exactOptional(v.nullable(rawOneWay)),
  /** What its stamps are ahead of its CLOCK_MONOTONIC, and how well it knows that. */
  anchor_ns: wholeNs,
  anchor_error_ns: amount,
  /** Which session at the far end it was. */
  session: v.exactOptional(count),
  /** How far its own clock, and the far end's, may be from UTC; `null`: they do not claim to be near it. */
  own_error_ns: v.exactOptional(v.nullable(amount)),
  far_error_ns: v.exactOptional(v.nullable(amount)),
});

/** The clock that a target stamped with. */
export const stampClock = open({
  anchor_ns: wholeNs,
  anchor_error_ns: amount,
  /** The sessions that it has seen. */
  sessions: list(open({ session: count, packets: count })),
});

/** How the delays of one direction were made of what was recorded. */
const oneWayDirection = open({
  /** Between the two clocks: what was taken off, and how far from the truth that may be. */
  offset_ns: v.nullable(wholeNs),
  error_ns: v.nullable(amount),
  /** Why there are no delays; `null`: there are. */
  reason: v.nullable(text),
});

export const oneWay = open({
  /**
   * What the offset comes from: both read one clock, the controller's comparisons of both daemons' clocks, or both ends' own
   * synchronization.
   */
  clocks: v.nullable(v.picklist(["same", "compared", "synchronized"])),
  forward: v.nullable(oneWayDirection),
  backward: v.nullable(oneWayDirection),
});

/** What came to a tester from one that sends to it. */
const received = open({
  /** Number of the tester that sent. */
  from: count,
  ok: count,
  late: count,
  corrupt: count,
  /** Damaged so much that their numbers are not known. */
  corrupt_unknown: count,
  duplicate: count,
  reordered: count,
  reorder_extent: count,
  bytes: count,
  /** Packets of all phases. */
  all: count,
  /** Frames of the learning phase. */
  learned: count,
  /** Packets of the measured phase, as the last packets have it; `null`: none of them came. */
  told: v.nullable(count),
  /** Both read one clock. */
  same_clock: v.boolean(),
  /** From the sender's kernel to the receiver's; `null`: nothing came, or no frame of learning. */
  delay: v.exactOptional(v.nullable(rawOneWay)),
  outages: v.exactOptional(outages),
  /** Of each flow: ok, late, corrupt, duplicate, reordered, extent. */
  flows: list(v.array(count)),
  /** Of each interval: ok, mean and longest delay. */
  series: list(v.array(amount)),
});

/** What became of one flow's packets. */
const flow = open({
  sent: count,
  ok: count,
  lost: count,
  late: count,
  corrupt: count,
  duplicate: count,
  reordered: count,
  reorder_extent: count,
});

/** A tester that sends to another one, or receives from others. */
export const forward = open({
  own: count,
  /** Number of the tester that receives. */
  to: v.exactOptional(count),
  sent: v.exactOptional(count),
  /** Length of its measured phase, by its own clock. */
  window_ns: v.exactOptional(amount),
  sent_flows: v.exactOptional(list(count)),
  rejections: v.exactOptional(v.nullable(text)),
  received: v.exactOptional(list(received)),
  packets: v.exactOptional(count),
  stray: v.exactOptional(count),
  misrouted: v.exactOptional(count),
  all_in: v.exactOptional(v.boolean()),
  /** Of a sender, in the document: what became of each flow's packets. */
  flows: v.exactOptional(list(flow)),
  /** How far the receiver's stamps may be from its CLOCK_MONOTONIC. */
  stamp_error_ns: v.exactOptional(amount),
});
