import assert from "node:assert/strict";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import type { ClientResult, ResultDocument } from "../../results/document/document.ts";
import { Histogram, summarize } from "../../results/document/histogram.ts";
import { encodeHistogram } from "../../results/document/histogram_codec.ts";
import { seededRandom } from "../../base/random.ts";
import { figuresOf, reasonsOf } from "./figures.ts";

/** A histogram has a thousandth of each value. */
const BUCKET = 0.001;

function nearly(found: number | null | undefined, wanted: number, share = BUCKET): void {
  assert.ok(typeof found === "number", "there is one");
  assert.ok(Math.abs(found - wanted) <= share * Math.abs(wanted), `${found}, but ${wanted} by hand`);
}

/** What a phase leaves: probes, and what the load's testers told. */
function phase(probes: readonly number[] | null, loads: Partial<ClientResult>[] = []): ResultDocument {
  const document = makeDocument({ samples: 10, clients: 1 });
  const [probe] = document.clients;
  const histogram = new Histogram();
  for (const time of probes ?? []) histogram.record(time);
  document.clients = [probe!, ...loads.map((load) => ({ ...probe!, counts: null, ...load }))];
  document.targets = [];
  document.total = {
    ...document.total,
    latency: { response: null, service: probes === null ? null : summarize(histogram) },
    histograms: { response: null, service: probes === null ? null : encodeHistogram(histogram) },
  };
  document.run = { ...document.run, verdict: "VALID", reasons: [], details: [] };
  return document;
}

function load(figures: Record<string, number>, rounds: readonly number[][] = []): Partial<ClientResult> {
  return {
    metrics: Object.entries(figures).map(([name, value]) => ({ name, value, unit: "" })),
    engine: { streams: rounds.map((rtt_ns) => ({ course: { rtt_ns } })) },
  };
}

/** Values in no order. */
function scrambled(count: number, of: (n: number) => number): number[] {
  const random = seededRandom(7);
  return Array.from({ length: count }, (_, n) => ({ key: random(), value: of(n) }))
    .toSorted((a, b) => a.key - b.key).map(({ value }) => value);
}

/** The k-th smallest, from 1. */
const nth = (times: readonly number[], k: number) => times.toSorted((a, b) => a - b)[k - 1]!;

/** Mean of the shortest 95 of 100, in ms, as the draft's TM. */
function meanOfShortest(times: readonly number[]): number {
  const kept = times.toSorted((a, b) => a - b).slice(0, Math.floor(times.length * 95 / 100));
  let sum = 0;
  for (const time of kept) sum += time / 1e6;
  return sum / kept.length;
}

const IDLE = scrambled(200, (n) => 200_000 + 1_000 * n);
const PROBES = scrambled(300, (n) => 20e6 + 100_000 * n);
const OWN = [
  scrambled(40, (n) => 30e6 + 250_000 * n),
  scrambled(40, (n) => 31e6 + 250_000 * n),
];

Deno.test("round trips of an idle line, and its round trips a minute", () => {
  const idle = figuresOf("idle", phase(IDLE), null);
  assert.equal(idle.rtt!.count, 200);
  assert.equal(idle.rtt_source, "probes");
  nearly(idle.rtt!.min_ns, 200_000);
  nearly(idle.rtt!.median_ns, nth(IDLE, 100));
  nearly(idle.rtt!.p95_ns, nth(IDLE, 190));
  nearly(idle.rtt!.max_ns, 399_000);
  nearly(idle.rtt!.trimmed_ns, 1e6 * meanOfShortest(IDLE));
  // Without a load there is the foreign part alone: 60,000 ms over TM.
  nearly(idle.rpm, 60_000 / meanOfShortest(IDLE));
  assert.deepEqual([idle.added_ns, idle.full_ns, idle.up_bps, idle.cpu], [null, null, null, null]);
});

Deno.test("a loaded line: added delay, a full queue, and the draft's responsiveness", () => {
  const idle = figuresOf("idle", phase(IDLE), null);
  const document = phase(PROBES, [
    load({ goodput: 15e6, goodput_up: 15e6, retransmits: 3 }, [OWN[0]!]),
    load({ goodput: 4e6, goodput_up: 4e6, retransmits: 4 }, [OWN[1]!]),
  ]);
  const up = figuresOf("up", document, idle);
  const own = OWN.flat();
  assert.deepEqual([up.up_bps, up.down_bps, up.retransmits], [19e6, null, 7]);
  nearly(up.added_ns, nth(PROBES, 150) - nth(IDLE, 100));
  // The 95th of the probes is 48.4 ms, the 97.5th of TCP's own (78 of 80) 40.25 ms: the smaller one is the queue.
  assert.equal(nth(own, 78), Math.min(nth(PROBES, 285), nth(own, 78)));
  nearly(up.full_ns, nth(own, 78) - nth(IDLE, 100));
  // draft-ietf-ippm-responsiveness-09, for connections without TLS: the mean of 60000 / TM of both.
  const foreign = 60_000 / meanOfShortest(PROBES), loaded = 60_000 / meanOfShortest(own);
  nearly(up.rpm, (foreign + loaded) / 2);
  assert.ok(up.rpm! > Math.min(foreign, loaded) && up.rpm! < Math.max(foreign, loaded));
});

Deno.test("a queue that TCP's own round trips do not bound is that of the probes", () => {
  const idle = figuresOf("idle", phase(IDLE), null);
  const slow = scrambled(40, () => 900e6);
  const down = figuresOf("down", phase(PROBES, [load({ goodput: 1e6, goodput_down: 1e6 }, [slow])]), idle);
  nearly(down.full_ns, nth(PROBES, 285) - nth(IDLE, 100));
  assert.deepEqual([down.up_bps, down.down_bps], [null, 1e6]);
});

Deno.test("an idle phase in which something else ran gives its shortest round trip", () => {
  const busy = figuresOf("idle", phase(IDLE), null);
  const idle = { ...busy, verdict: "SUSPECT" as const };
  const up = figuresOf("up", phase(PROBES, [load({ goodput: 1e6, goodput_up: 1e6 })]), idle);
  nearly(up.added_ns, nth(PROBES, 150) - 200_000);
});

Deno.test("without probes under load, TCP's own round trips stand for them", () => {
  const idle = figuresOf("idle", phase(IDLE), null);
  const up = figuresOf("up", phase(null, [load({ goodput: 1e6, goodput_up: 1e6 }, OWN)]), idle);
  assert.equal(up.rtt_source, "tcp");
  const own = OWN.flat();
  nearly(up.rtt!.median_ns, nth(own, 40));
  nearly(up.rpm, 60_000 / meanOfShortest(own));
  assert.equal(figuresOf("up", phase(null, [load({ goodput: 1e6 })]), idle).rtt, null);
});

Deno.test("loss over UDP is of the datagrams; of an iperf3 server by its own count", () => {
  const counts = { sent: 1000, ok: 960, lost: 40, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
  const udp = figuresOf("udp", phase(null, [{ ...load({ goodput: 9.6e6 }), counts }]), null);
  assert.deepEqual([udp.loss, udp.up_bps, udp.down_bps, udp.rpm], [0.04, 9.6e6, null, null]);
  const told = figuresOf("udp", phase(null, [load({ goodput: 9e6, peer_loss: 3 })]), null);
  assert.ok(Math.abs(told.loss! - 0.03) < 1e-12);
});

Deno.test("processors at their limit are the reason, unless TCP was waiting for the path", () => {
  const details = [{ level: "SUSPECT" as const, code: "tester-processor", text: "busy" }];
  const bound = (busy: number) => {
    const document = phase(PROBES, [load({ goodput: 1e9, goodput_up: 1e9, busy })]);
    document.run = { ...document.run, details, reasons: ["busy"] };
    return figuresOf("up", document, null).processor_bound;
  };
  assert.deepEqual([bound(40), bound(95)], [true, false]);
});

Deno.test("the host's processors are a meter's, else what stream_target tells", () => {
  const target = { processors_busy: 1.5, processors: 4, processor_busy_share: 0.9 };
  const document = phase(PROBES, [{ ...load({ goodput: 1e6 }), engine: { streams: [], target } }]);
  const told = figuresOf("up", document, null);
  assert.deepEqual([told.cpu, told.busiest_cpu], [0.375, 0.9]);
  const [metered] = makeDocument({ samples: 10 }).targets;
  document.targets = [{ ...metered!, metrics: [{ name: "cpu", value: 42, unit: "%" }] }];
  assert.equal(figuresOf("up", document, null).cpu, 0.42);
});

Deno.test("packets that the tester's full interface drops are no more than a doubt beside a load", () => {
  const document = phase(PROBES);
  const details = [{ level: "INVALID" as const, code: "send-drops", text: "dropped" }];
  document.run = { ...document.run, details };
  assert.deepEqual(reasonsOf("up", document).map(({ level }) => level), ["SUSPECT"]);
  assert.deepEqual(reasonsOf("idle", document).map(({ level }) => level), ["INVALID"]);
});
