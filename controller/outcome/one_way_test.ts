import assert from "node:assert/strict";
import type { ClientResult, RawOneWay, TargetResult } from "../../results/document/document.ts";
import { Histogram } from "../../results/document/histogram.ts";
import { encodeHistogram } from "../../results/document/histogram_codec.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import type { OffsetInterval } from "../link/clock_estimate.ts";
import type { ClientRun, TargetRun } from "../run/participants.ts";
import { oneWayPart } from "./one_way.ts";

const MS = 1_000_000;
/** What the reflector's stamps are ahead of the tester's. */
const AHEAD_NS = 7n * BigInt(MS);
const WINDOW = { start_ns: 1_000 * MS, end_ns: 1_010 * MS };

/** A hundred packets that all took so long, between stamps that are apart. */
function raw(delayNs: number, apartNs: bigint): RawOneWay {
  const above = new Histogram();
  above.record(0, 100);
  return {
    count: 100,
    base_ns: String(BigInt(delayNs) + apartNs),
    min_ns: 0,
    max_ns: 0,
    mean_ns: 0,
    stddev_ns: 0,
    above: encodeHistogram(above, { compressed: false }),
    below: null,
  };
}

function clock(offsetNs: number, errorNs: number): OffsetInterval {
  const [lowNs, highNs] = [BigInt(offsetNs - errorNs), BigInt(offsetNs + errorNs)];
  return { atNs: BigInt(1_005 * MS), lowNs, highNs, minRttNs: 1n, probes: 1, consistent: true };
}

interface Setting {
  /** The tester's and the far end's claims of their distance from UTC. */
  own?: number;
  far?: number;
  /** How far off each comparison may be, and how far off it is. */
  compared?: number;
  wrongBy?: number;
  sessions?: { session: number; packets: number }[];
  targets?: number;
  /** What the stamps really are apart. */
  ahead?: bigint;
}

/** 5 ms out, 1 ms back. The far daemon's CLOCK_MONOTONIC is 100 s ahead, and its stamps are so by 7 ms more. */
function made(setting: Setting) {
  const { own = null, far = null, compared = 20_000, wrongBy = 0, ahead = AHEAD_NS, targets = 1 } = setting;
  const [first] = makeDocument({ clients: 1 }).clients;
  const part: ClientResult = {
    ...first!,
    counts: { sent: 100, ok: 100, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 },
    window: WINDOW,
    one_way_record: {
      forward: raw(5 * MS, ahead),
      backward: raw(MS, -ahead),
      anchor_ns: "1764417265000000000",
      anchor_error_ns: 50,
      session: 9,
      own_error_ns: own,
      far_error_ns: far,
    },
  };
  const client = { before: clock(0, compared), during: [], after: null } as unknown as ClientRun;
  const run = {
    before: clock(100_000 * MS + wrongBy, compared),
    during: [],
    after: null,
  } as unknown as TargetRun;
  const target = {
    stamp_clock: {
      anchor_ns: String(1764417265000000000n - 100_000n * BigInt(MS) + AHEAD_NS),
      anchor_error_ns: 50,
      sessions: setting.sessions ?? [{ session: 9, packets: 120 }],
    },
  } as unknown as TargetResult;
  const all = Array.from({ length: targets }, () => ({ run, part: target }));
  return oneWayPart(client, part, all)!;
}

Deno.test("delays are right to the error of both clocks' comparisons", () => {
  const { one_way, latency } = made({});
  assert.equal(one_way?.clocks, "compared");
  assert.equal(one_way?.forward?.offset_ns, String(AHEAD_NS));
  const error = one_way!.forward!.error_ns!;
  assert.ok(error >= 40_000 && error < 60_000, `${error}`);
  assert.equal(latency?.forward?.p50_ns, 5 * MS);
  assert.equal(latency?.backward?.p50_ns, MS);
});

Deno.test("of two sources the one with the smaller error is taken, unless they contradict each other", () => {
  const close = made({ own: 1_000, far: 2_000, ahead: 0n, sessions: [{ session: 8, packets: 200 }] });
  assert.equal(close.one_way?.clocks, "synchronized");
  assert.equal(close.one_way?.forward?.error_ns, 3_000);
  assert.equal(close.latency?.forward?.p50_ns, 5 * MS);
  // Both ends say that they are at UTC; the comparison shows that they are 7 ms apart.
  const lied = made({ own: 1_000, far: 2_000 });
  assert.equal(lied.one_way?.clocks, "compared");
  assert.equal(lied.latency?.backward?.p50_ns, MS);
  const coarse = made({ own: 8 * MS, far: 2_000, compared: 10 * MS });
  assert.equal(coarse.one_way?.clocks, "synchronized");
});

Deno.test("nothing is said where the far end is unknown, or nobody knows its clock", () => {
  const unknown: [Setting, RegExp][] = [
    [{ targets: 0 }, /far end is no target of this run.*neither end's clock is synchronized/],
    [{ sessions: [{ session: 9, packets: 3 }] }, /far end is no target/], // another's session, by chance of that number
    [{ targets: 2 }, /several targets have seen this tester's session/],
    [{ targets: 0, own: 5 }, /the far end's clock is not synchronized/],
    [{ targets: 0, far: 5 }, /the tester's clock is not synchronized/],
  ];
  for (const [setting, reason] of unknown) {
    const { one_way, latency } = made(setting);
    assert.deepEqual([latency?.forward, latency?.backward, one_way?.clocks], [null, null, null]);
    assert.match(one_way?.forward?.reason ?? "", reason);
  }
});

Deno.test("an offset that makes one way less than nothing is believed for neither", () => {
  const { one_way, latency } = made({ wrongBy: -2 * MS });
  assert.deepEqual([latency?.forward, latency?.backward], [null, null]);
  assert.match(one_way?.backward?.reason ?? "", /below nothing/);
  assert.match(one_way?.forward?.reason ?? "", /below nothing/);
});
