/**
 * How long it was dark, against an echo that drops known packets and notes when, and against a capture of a link that went
 * down.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Outage, Outages } from "../../results/document/document.ts";
import { drive, type DrivenResult, drivenRow } from "../fixtures/driven.ts";
import { realtimeAheadNs } from "../fixtures/network/monotonic.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, type Frame, nsBetween } from "../fixtures/network/wire.ts";
import { CuttingEcho, type Dark } from "../fixtures/peers/cutting_echo.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { within } from "../fixtures/samples.ts";
import { hasNamespaces, isInstalled, sleep } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("python3");
const PPS = 10_000;
const INTERVAL_NS = 1e9 / PPS;
const SIZE = 64;
const ARGS = `bps=${
  PPS * SIZE * 8
},size=${SIZE},warmup=0,cooldown=0,noise=0,max_outage=20,limits=shared,rcvbuf=4Mi`;
/** What the issue of fail-over is about, in ms. */
const LENGTHS = [100, 500, 2000];
/** How much later than a packet was due it may be stamped elsewhere, beside what the tester says of its lateness. */
const PATH_NS = 5e6;

/** How long the kernel may take to see that a link is up (LINKWATCH_INTERVAL of net/core/link_watch.c). */
const LINK_WATCH_MS = 1_000;
/** How much later than it left a packet may be stamped: the stamp is of a softirq, for which a virtual machine may wait. */
const STAMP_NS = 2e6;

interface DarkResult extends DrivenResult {
  outages: Outages & { list: Outage[] };
}

interface StalledResult extends DarkResult {
  pacing: DarkResult["pacing"] & { gap_longest_ns: number };
}

/** Answers that a capture has seen and that wait for a processor when their link goes down. */
const TAKEN_ALONG = 10;
/** How long a tester may stand still where stalls are looked for. */
const STOOD_NS = 20e6;

/** One of each length, a second apart; the packets of each. */
const PACKETS = LENGTHS.map((ms) => ms * PPS / 1000);
const FIRST = [5_000, 12_000, 24_000];
const CUTS = FIRST.map((first, i) => `${first}:${PACKETS[i]}`).join(",");

/** Every outage has the packets that the echo dropped, and is as long as it was dark, to one interval. */
async function checkAgainstEcho(result: DarkResult, dark: Dark[]): Promise<void> {
  const { outages, counts, window } = result, ahead = Number(await realtimeAheadNs());
  assert.equal(outages.interval_ns, INTERVAL_NS);
  assert.deepEqual(outages.list.map(({ packets }) => packets), dark.map(({ packets }) => packets));
  assert.deepEqual(dark.map(({ packets }) => packets), PACKETS);
  assert.equal(outages.count, LENGTHS.length);
  assert.equal(outages.packets, counts.lost);
  assert.equal(outages.longest_ns, 2e9);
  assert.equal(outages.sum_ns, 2.6e9);
  for (const [i, { t_ns, at, length_ns, error_ns, open_begin, open_end }] of outages.list.entries()) {
    const { before_ns, first_ns, last_ns, after_ns } = dark[i]!;
    const late = error_ns! - INTERVAL_NS + STAMP_NS;
    assert.equal(length_ns, LENGTHS[i]! * 1e6);
    assert.ok(late >= 0 && open_begin === undefined && open_end === undefined);
    // It was dark at least from the first packet to the last one, and at most between the answered ones around them.
    within(length_ns, last_ns! - first_ns! - late, after_ns! - before_ns! + late, `length of outage ${i}`);
    within(first_ns! - Date.parse(at!) * 1e6, -1e6, late + PATH_NS, `date of outage ${i}`);
    within(first_ns! - ahead - window.start_ns - t_ns, 0, late + PATH_NS, `begin of outage ${i}`);
  }
  const runs = outages.runs.lengths.map(({ packets, runs, from, to }) => ({ packets, runs, from, to }));
  assert.deepEqual(runs, [
    { packets: 1_000, runs: 1, from: 513, to: 1_024 },
    { packets: 5_000, runs: 1, from: 4_097, to: 8_192 },
    { packets: 20_000, runs: 1, from: 16_385, to: 32_768 },
  ]);
}

for (
  const [kind, args] of [
    ["udp", "socktype=udp"],
    ["udp6", "socktype=udp"],
    ["raw", "socktype=raw"],
  ] as const
) {
  Deno.test({ name: `outages are as long as an echo was dark: ${kind} (python3)`, ignore }, async () => {
    using link = Veth.make("d");
    assert.ok(link !== null);
    const far6 = "fd00:77::2";
    if (kind === "udp6") await sixth(link, far6);
    const where = { udp: link.farAddress, udp6: far6, raw: link.far }[kind];
    await using echo = await CuttingEcho.start(kind, where, CUTS, link.wrap);
    const child = drive({
      target: kind === "raw" ? link.farMac : where,
      port: echo.port,
      args: `${args},${ARGS},duration=5${kind === "raw" ? `,iface=${link.near}` : ""}`,
    });
    const { result } = await drivenRow<DarkResult>(child);
    await checkAgainstEcho(result, await echo.end());
  });
}

async function sixth(link: Veth, far: string): Promise<void> {
  const ip = async (...args: string[]) => {
    assert.ok((await new Deno.Command("ip", { args }).output()).success, args.join(" "));
  };
  await ip("-6", "addr", "add", "fd00:77::1/64", "dev", link.near, "nodad");
  await ip("-n", link.namespace, "-6", "addr", "add", `${far}/64`, "dev", link.far, "nodad");
}

/** What a capture says of the packets in a row that were not answered. */
interface Silence {
  packets: number;
  /** From the last packet that was answered to the first one after, as both left. */
  ns: number;
}

/** Longest first, of the tester's packets, whose numbers are in a row; those that are in no frame were not answered. */
function silencesOf(frames: readonly Frame[], mac: string): Silence[] {
  const numberOf = ({ payload }: Frame) =>
    new DataView(payload.buffer, payload.byteOffset).getBigUint64(0, true);
  const sent = new Map<bigint, bigint>();
  for (const frame of frames) if (frame.source === mac) sent.set(numberOf(frame), frame.atNs);
  const answered = frames.filter(({ source }) => source !== mac).map(numberOf)
    .sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
  const found: Silence[] = [];
  for (let i = 1; i < answered.length; i++) {
    const packets = Number(answered[i]! - answered[i - 1]!) - 1;
    if (packets >= 3) {
      found.push({ packets, ns: nsBetween(sent.get(answered[i - 1]!)!, sent.get(answered[i]!)!) });
    }
  }
  return found;
}

for (const socktype of ["udp", "raw"] as const) {
  Deno.test(
    { name: `outages of a link that goes down against a capture: ${socktype} (tshark)`, ignore },
    async () => {
      using link = Veth.make("c");
      assert.ok(link !== null);
      link.silence();
      await using echo = await EchoProcess.start({
        wrap: link.wrap,
        ip: link.farAddress,
        args: socktype === "raw" ? ["--raw", link.far] : [],
      });
      await using capture = await Capture.start(
        link.near,
        socktype === "raw" ? "ether proto 0x6008" : `udp port ${echo.port}`,
      );
      const child = drive({
        target: socktype === "raw" ? link.farMac : link.farAddress,
        port: echo.port,
        args: `socktype=${socktype},${ARGS},duration=6${socktype === "raw" ? `,iface=${link.near}` : ""}`,
      });
      const pulled: [least: number, most: number][] = [];
      for (const ms of LENGTHS) {
        await sleep(700);
        const begin = performance.now();
        link.set("down");
        const down = performance.now();
        await sleep(ms);
        const end = performance.now();
        link.set("up");
        pulled.push([end - down, performance.now() - begin]);
      }
      const { result } = await drivenRow<DarkResult>(child);
      const silences = silencesOf(await capture.frames(), link.nearMac);
      const long = result.outages.list.filter(({ packets }) => packets > 500);
      assert.equal(long.length, LENGTHS.length, JSON.stringify(result.outages));
      const heard = silences.filter(({ packets }) => packets > 500);
      for (const [i, { packets, length_ns, error_ns }] of long.entries()) {
        const late = error_ns! - INTERVAL_NS;
        assert.equal(packets, heard[i]!.packets);
        // What is between two answered packets is one interval more than the packets between them.
        within(
          length_ns,
          heard[i]!.ns - 2 * INTERVAL_NS - late,
          heard[i]!.ns + late,
          `length of outage ${i}`,
        );
        // The cable was out for at least so long, less what was due then and left late; afterwards the kernel takes a moment to
        // send again: it tells its parts of a link once a second at most.
        const [least, most] = pulled[i]!;
        within(
          length_ns / 1e6,
          least - 0.1 - late / 1e6,
          most + 50 + LINK_WATCH_MS + late / 1e6,
          `cable ${i}`,
        );
      }
    },
  );
}

for (const socktype of ["udp", "raw"] as const) {
  Deno.test(
    { name: `an own link that goes down against a capture: ${socktype} (tshark)`, ignore },
    async () => {
      using link = Veth.make("w");
      assert.ok(link !== null);
      await using echo = await EchoProcess.start({
        ip: link.nearAddress,
        args: socktype === "raw" ? ["--raw", link.near] : [],
      });
      await using capture = await Capture.start(
        link.near,
        socktype === "raw" ? "ether proto 0x6008" : `udp port ${echo.port}`,
      );
      // In the namespace there is no other way out.
      const child = drive({
        target: socktype === "raw" ? link.nearMac : link.nearAddress,
        port: echo.port,
        args: `socktype=${socktype},${ARGS},duration=2.5${socktype === "raw" ? `,iface=${link.far}` : ""}`,
        wrap: link.wrap,
      });
      await sleep(700);
      link.set("down");
      await sleep(500);
      link.set("up");
      const { result } = await drivenRow<DarkResult>(child);
      const heard = silencesOf(await capture.frames(), link.farMac).filter(({ packets }) => packets > 500);
      const all = result.outages.list.filter(({ packets }) => packets > 500);
      // An echo that waits for a processor for long loses packets, too. The link takes answers along that it has shown already.
      assert.equal(all.length, heard.length);
      for (const [i, { packets }] of all.entries()) {
        within(packets, heard[i]!.packets, heard[i]!.packets + TAKEN_ALONG, `packets of outage ${i}`);
      }
      const dark = all.toSorted((a, b) => b.packets - a.packets)[0];
      assert.ok(dark!.refused! > 4_500 && dark!.refused! <= dark!.packets, `${dark!.refused} refused`);
      assert.equal(result.counts.sent + result.outages.refused!, 25_000);
      const codes = result.reasons.filter(({ code }) => ["own-link-down", "send-refused"].includes(code));
      assert.deepEqual(codes.map(({ level }) => level), ["SUSPECT", "SUSPECT"]);
    },
  );
}

Deno.test({ name: "stalls of a connection against an echo that stood still (python3)", ignore }, async () => {
  using link = Veth.make("s");
  assert.ok(link !== null);
  const cuts = "5000:100,12000:500,24000:2000";
  const run = async () => {
    await using echo = await CuttingEcho.start("tcp", link.farAddress, cuts, link.wrap);
    const args = `socktype=tcp,${ARGS},duration=6`;
    const { result } = await drivenRow<StalledResult>(
      drive({ target: link.farAddress, port: echo.port, args }),
    );
    return { result, dark: await echo.end() };
  };
  let { result, dark } = await run();
  // A tester that stood still itself does not say that its target did.
  for (let left = 4; left > 0 && result.pacing.gap_longest_ns > STOOD_NS; left--) {
    ({ result, dark } = await run());
  }
  const { outages: { stalls, list }, window, counts, pacing } = result;
  assert.equal(counts.lost, 0);
  assert.deepEqual(list, []);
  // Shorter ones are those of an echo or a tester that waited for a processor.
  const long = stalls.list.toSorted((a, b) => b.length_ns - a.length_ns).slice(0, LENGTHS.length)
    .sort((a, b) => a.t_ns - b.t_ns);
  assert.equal(long.length, LENGTHS.length, JSON.stringify(stalls));
  assert.equal(stalls.count, stalls.list.length);
  const ahead = Number(await realtimeAheadNs()), late = PATH_NS + pacing.gap_longest_ns;
  for (const [i, { t_ns, length_ns }] of long.entries()) {
    const { before_ns, after_ns } = dark[i]!;
    within(length_ns, after_ns! - before_ns! - late, after_ns! - before_ns! + late, `length of stall ${i}`);
    within(window.start_ns + t_ns + ahead - before_ns!, -late, late, `begin of stall ${i}`);
  }
  assert.equal(stalls.longest_ns, Math.max(...stalls.list.map(({ length_ns }) => length_ns)));
  assert.equal(stalls.sum_ns, stalls.list.reduce((sum, { length_ns }) => sum + length_ns, 0));
});

Deno.test(
  { name: "outages of one flow against an echo that drops its packets (python3)", ignore },
  async () => {
    using link = Veth.make("f");
    assert.ok(link !== null);
    // Packet k is of flow k % 4: flow 2 alone is dark for 500 packets of its own.
    await using echo = await CuttingEcho.start("udp", link.farAddress, "5002:2000:4,12000:3000", link.wrap);
    const child = drive({
      target: link.farAddress,
      port: echo.port,
      args: `socktype=udp,flows=4,${ARGS},duration=2.5`,
    });
    const { result: { outages } } = await drivenRow<DarkResult>(child);
    const dark = await echo.end();
    assert.deepEqual(dark.map(({ packets }) => packets), [500, 3000]);
    assert.deepEqual(outages.list.map(({ packets }) => packets), [3000]);
    assert.deepEqual(
      outages.flow_list!.map(({ flow, packets, length_ns }) => ({ flow, packets, length_ns })),
      [{ flow: 2, packets: 500, length_ns: 200e6 }],
    );
    assert.equal(outages.flows_dark, 4);
    assert.deepEqual(
      outages.flows!.map(({ flow, count, packets, sum_ns }) => ({ flow, count, packets, sum_ns })),
      [
        { flow: 2, count: 2, packets: 1250, sum_ns: 500e6 },
        ...[0, 1, 3].map((flow) => ({ flow, count: 1, packets: 750, sum_ns: 300e6 })),
      ],
    );
    const single = outages.runs.lengths.find(({ from }) => from === 1);
    assert.deepEqual(single, { from: 1, to: 1, runs: 500, packets: 500 });
  },
);
