import assert from "node:assert/strict";
import type { ClientResult, ResultDocument } from "../../results/document/document.ts";
import { DEFAULT_LAYOUT, Histogram } from "../../results/document/histogram.ts";
import { encodeHistogram } from "../../results/document/histogram_codec.ts";
import { joinForwarded } from "./forwarded.ts";
import { noFigures } from "./run_document.ts";

type Received = NonNullable<NonNullable<ClientResult["forward"]>["received"]>[number];

function client(part: Partial<ClientResult>): ClientResult {
  return { host: "h", port: 1, args: "", ...noFigures(), peer: "ipbenchd/1.0.0", ...part };
}

const SENDER = client({
  to: 1,
  rates: { requested_bps: 8000, sent_bps: 8000, received_bps: null },
  window: { start_ns: 0, end_ns: 2e9 },
  series: [{ t_ns: 0, sent: 6, ok: 0, lost: 6 }, { t_ns: 1e9, sent: 4, ok: 0, lost: 4 }],
  reasons: [],
  forward: { own: 0, to: 1, sent: 10, window_ns: 2e9, sent_flows: [5, 5], rejections: null },
});

/** Raw distances of 0, 100 and 200 ns from a base. */
function raw(base: string) {
  const histogram = new Histogram(DEFAULT_LAYOUT);
  for (const ns of [0, 100, 200]) histogram.record(ns);
  const above = encodeHistogram(histogram, { compressed: false });
  return {
    count: 3,
    base_ns: base,
    min_ns: 0,
    max_ns: 200,
    mean_ns: 100,
    stddev_ns: 81.6,
    above,
    below: null,
  };
}

function received(part: Partial<Received>): Received {
  return {
    from: 0,
    ok: 7,
    late: 0,
    corrupt: 1,
    corrupt_unknown: 0,
    duplicate: 2,
    reordered: 3,
    reorder_extent: 4,
    bytes: 700,
    all: 9,
    learned: 5,
    told: 10,
    same_clock: true,
    delay: raw("5000"),
    flows: [[4, 0, 1, 1, 2, 4], [3, 0, 0, 1, 1, 2]],
    series: [[5, 5100, 5200], [2, 5000, 5000]],
    ...part,
  };
}

function joined(parts: Partial<Received>, offset: Parameters<typeof joinForwarded>[1] = () => null) {
  const receiver = client({
    name: "right",
    forward: { own: 1, received: [received(parts)], stamp_error_ns: 30, all_in: true },
  });
  const document = { clients: [SENDER, receiver] } as unknown as ResultDocument;
  joinForwarded(document, offset);
  return document.clients[0]!;
}

Deno.test("what was sent is what came and what was lost, by flow too", () => {
  const { counts, rates, forward, series, latency, one_way, reasons } = joined({});
  assert.deepEqual(counts, { sent: 10, ok: 7, lost: 2, late: 0, corrupt: 1, duplicate: 2, reordered: 3 });
  assert.equal(rates?.received_bps, 2800);
  assert.deepEqual(forward?.flows?.map(({ sent, ok, lost, corrupt }) => [sent, ok, lost, corrupt]), [
    [5, 4, 0, 1],
    [5, 3, 2, 0],
  ]);
  assert.deepEqual(series, [
    { t_ns: 0, sent: 6, ok: 5, lost: 1, mean_ns: 5100, max_ns: 5200 },
    { t_ns: 1e9, sent: 4, ok: 2, lost: 2, mean_ns: 5000, max_ns: 5000 },
  ]);
  assert.equal(latency?.response, null);
  assert.deepEqual([latency?.forward?.min_ns, latency?.forward?.mean_ns, latency?.forward?.max_ns], [
    5000,
    5100,
    5200,
  ]);
  assert.deepEqual(one_way, {
    clocks: "same",
    forward: { offset_ns: "0", error_ns: 30, reason: null },
    backward: null,
  });
  assert.deepEqual(reasons, []);
});

Deno.test("packets that are too damaged to be told apart are among those that are missing", () => {
  assert.deepEqual(joined({ corrupt_unknown: 1 }).counts, {
    ...{ sent: 10, ok: 7, lost: 1, late: 0, corrupt: 2, duplicate: 2, reordered: 3 },
  });
  assert.equal(joined({ corrupt_unknown: 50 }).counts?.lost, 0);
});

Deno.test("delays between two clocks need their offset, and it to be exact enough", () => {
  const apart = { same_clock: false, delay: raw("7000005000") };
  const unknown = joined(apart);
  assert.equal(unknown.latency?.forward, null);
  assert.match(unknown.one_way?.forward?.reason ?? "", /were not compared/);
  const known = joined(apart, () => ({ offsetNs: 7_000_000_000n, errorNs: 100n }));
  assert.equal(known.one_way?.clocks, "compared");
  assert.equal(known.one_way?.forward?.error_ns, 130);
  assert.equal(known.latency?.forward?.mean_ns, 5100);
  assert.equal(known.series?.[0]?.mean_ns, undefined, "the course of the delays is not corrected");
  const coarse = joined(apart, () => ({ offsetNs: 7_000_000_000n, errorNs: 1_000_000n }));
  assert.equal(coarse.latency?.forward, null);
  assert.match(coarse.one_way?.forward?.reason ?? "", /more than the median delay/);
});

Deno.test("what cannot be is INVALID, and a receiver without a result leaves nothing known", () => {
  const codes = (part: ClientResult) => part.reasons?.map(({ level, code }) => `${level} ${code}`);
  assert.deepEqual(codes(joined({ ok: 11 })), ["INVALID accounting"]);
  assert.deepEqual(codes(joined({ told: 8 })), ["INVALID ended-early"]);
  const none = { ok: 0, late: 0, corrupt: 0, bytes: 0, delay: null };
  assert.deepEqual(codes(joined(none)), ["INVALID nothing-arrived"]);
  assert.match(joined({ ...none, learned: 0 }).reasons![0]!.text, /does the device know the way/);

  const document = {
    clients: [SENDER, client({ name: "right", peer: null, error: "gone" })],
  } as unknown as ResultDocument;
  joinForwarded(document, () => null);
  const [alone] = document.clients;
  assert.equal(alone!.counts, null);
  assert.equal(alone!.series, undefined);
  assert.deepEqual(codes(alone!), ["INVALID receiver-missing"]);
  assert.match(alone!.reasons![0]!.text, /right, which receives them, failed \(gone\)/);
});

Deno.test("what was put together once stays as it is", () => {
  const receiver = client({ forward: { own: 1, received: [received({})] } });
  const document = { clients: [SENDER, receiver] } as unknown as ResultDocument;
  joinForwarded(document, () => null);
  const once = structuredClone(document.clients);
  joinForwarded(document, () => null);
  assert.deepEqual(document.clients, once);
  assert.equal(document.clients[1]!.forward!.received![0]!.delay, undefined, "it is kept once");
});
