/**
 * One-way delays, and loss of each way, against a relay that delays and loses a known way each, with clocks that are known to
 * differ: the reflector's CLOCK_REALTIME by 7 ms, its CLOCK_MONOTONIC by 3.2 ms.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ClientResult, TargetResult } from "../../results/document/document.ts";
import { PythonPeer, type Relayed } from "../fixtures/peers/stamp/peers.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { freePort, hasNamespaces, isInstalled, projectRoot, TestDaemon } from "../util/mod.ts";

const NETWORK = `${projectRoot()}/tests/fixtures/network`;
const ignore = !hasNamespaces() || !isInstalled("python3") || !isInstalled("gcc");
/** How many of a hundred runs may be out of their bound. */
const RUNS = Number(Deno.env.get("IPBENCH_ONE_WAY_RUNS") ?? 10);
const OUTSIDE_MAX = Math.floor(RUNS / 100);

/** What the kernel says of the tester's clock, in one test. */
const OWN_ERROR_NS = 20_000;
const FORWARD_MS = 5, BACKWARD_MS = 1;
const REAL_SHIFT_NS = 7_000_000, MONOTONIC_SHIFT_NS = 3_200_000;
/** What kernel stamps and the relay's reading of the clock are apart. */
const STAMPS_NS = 60_000;
const ARGS = "bps=176k,timestamps=kernel,warmup=0.2,duration=0.4,cooldown=0.2,drain=3,late=0.2,noise=0";

function figure(client: ClientResult, name: string): number | undefined {
  return client.metrics.find((metric) => metric.name === name)?.value;
}

/** Of the packets of the measured phase. */
function measuredOf(
  client: ClientResult,
  took: Record<string, number>,
): { min: number; p50: number; p90: number } {
  const first = client.engine?.first_packet as number, end = first + client.counts!.sent;
  const all = Object.entries(took).filter(([n]) => Number(n) >= first && Number(n) < end).map(([, ns]) => ns);
  all.sort((a, b) => a - b);
  // On a crowded machine an answer may be late: it is none of the figures'.
  assert.ok(all.length >= client.counts!.ok && all.length <= 1.05 * client.counts!.ok, `${all.length}`);
  const rank = (share: number) => all[Math.ceil(share * all.length) - 1]!;
  return { min: all[0]!, p50: rank(0.5), p90: rank(0.9) };
}

/** The library that shifts CLOCK_REALTIME, in a folder of its own. */
async function shiftLibrary(folder: string): Promise<string> {
  const path = `${folder}/shifted_clock.so`;
  const { success, stderr } = await new Deno.Command("gcc", {
    args: ["-shared", "-fPIC", "-O1", "-o", path, `${NETWORK}/shifted_clock.c`],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return path;
}

/** A lab: a tester here, relay and reflector's daemon in a namespace, the daemon's clocks shifted. */
class Lab implements AsyncDisposable {
  private constructor(
    readonly link: Veth,
    readonly folder: string,
    readonly tester: TestDaemon,
    readonly target: TestDaemon,
    readonly port: number,
  ) {}

  static async make({ monotonicNs = MONOTONIC_SHIFT_NS, synced = false } = {}): Promise<Lab> {
    const link = Veth.make("o") ?? assert.fail("no namespace");
    const folder = await Deno.makeTempDir({ prefix: "ipbench-one-way-" });
    const tester = await TestDaemon.start({ ip: link.nearAddress });
    const wrap = [...link.wrap, "python3", `${NETWORK}/other_time.py`, String(monotonicNs)];
    const env = {
      LD_PRELOAD: await shiftLibrary(folder),
      IPBENCH_TEST_REAL_SHIFT_NS: String(REAL_SHIFT_NS),
      IPBENCH_TEST_REAL_SHIFT_FILE: `${folder}/step`,
      ...synced && { IPBENCH_TEST_SYNCED_US: String(OWN_ERROR_NS / 1000) },
    };
    const target = await TestDaemon.start({ role: "target", ip: link.farAddress, wrap, env });
    return new Lab(link, folder, tester, target, freePort());
  }

  /** One run through a relay. */
  async run(
    options: Record<string, unknown>,
    args = ARGS,
    { stepNs = 0, stamps = "user" } = {},
  ): Promise<{ client: ClientResult; target: TargetResult; relayed: Relayed; shift: bigint }> {
    const { link, tester, target } = this;
    await using relay = await PythonPeer.relay(
      link.farAddress,
      [link.farAddress, this.port],
      options,
      link.wrap,
    );
    const { document, stderr } = await runConfig({
      test: "stamp",
      args,
      testPort: relay.port,
      clients: [{ host: tester.host, port: tester.port, testTarget: link.farAddress }],
      targets: [{
        test: "stamp_reflector",
        args: `port=${this.port},stamps=${stamps}`,
        host: target.host,
        port: target.port,
      }],
    }, stepNs === 0 ? [] : ["--event", `0.2s=echo ${stepNs} > ${this.folder}/step`]);
    const [client] = document.clients;
    assert.ok(client !== undefined && client.error === undefined, stderr);
    return {
      client,
      target: document.targets[0]!,
      relayed: await relay.seen(),
      shift: BigInt(client.one_way?.forward?.offset_ns ?? "0"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tester[Symbol.asyncDispose]();
    await this.target[Symbol.asyncDispose]();
    this.link[Symbol.dispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test({
  name:
    "delay of each way is that of the relay, within the stated error, with clocks 7 ms apart (python3, gcc)",
  ignore,
}, async () => {
  await using lab = await Lab.make();
  const lines: string[] = [];
  let outside = 0;
  for (let run = 0; run < RUNS; run++) {
    const { client, relayed, shift } = await lab.run({
      forward_ms: FORWARD_MS,
      backward_ms: BACKWARD_MS,
      far_shift_ns: REAL_SHIFT_NS,
    });
    const { one_way, latency } = client;
    assert.equal(one_way?.clocks, "compared");
    const bound = one_way?.forward?.error_ns ?? Infinity;
    // The stamps of both ends differ by what CLOCK_REALTIME was shifted, and by nothing else.
    let off = Math.abs(Number(shift) - REAL_SHIFT_NS) > bound;
    for (const way of ["forward", "backward"] as const) {
      const delay = latency?.[way] ?? null;
      const truth = measuredOf(client, relayed[way]);
      if (delay === null) {
        // Refused, because the error was larger than the delay: that is no number, and no wrong one.
        assert.match(one_way?.[way]?.reason ?? "", /more than the median delay/);
        assert.ok(bound > 0.9 * truth.p50);
        lines.push(`${run} ${way}: refused at ${bound} ns`);
        continue;
      }
      const apart = (["min", "p50", "p90"] as const).map((of) =>
        Math.abs(delay[`${of}_ns`] - truth[of]) - 0.002 * truth[of]
      );
      off ||= Math.max(...apart) > bound + STAMPS_NS;
      lines.push(
        `${run} ${way}: ${delay.p50_ns} ns ± ${bound}, truth ${truth.p50} ns, apart ${apart.map(Math.round)}`,
      );
    }
    outside += Number(off);
  }
  assert.ok(outside <= OUTSIDE_MAX, `${outside} of ${RUNS} out of bound\n${lines.join("\n")}`);
  assert.ok(lines.filter((line) => !line.includes("refused")).length > lines.length / 2, lines.join("\n"));
  if (Deno.env.has("IPBENCH_ONE_WAY_RUNS")) console.error(`${outside} of ${RUNS}\n${lines.join("\n")}`);
});

for (const seconds of [1, -1]) {
  Deno.test({
    name:
      `clocks ${seconds} s apart, and one that is stepped by that in the middle, are noticed (python3, gcc)`,
    ignore,
  }, async () => {
    const stepNs = seconds * 1e9;
    await using lab = await Lab.make({ monotonicNs: stepNs, synced: true });
    const stamps = seconds > 0 ? "user" : "kernel";
    const { client, target, relayed } = await lab.run(
      { forward_ms: FORWARD_MS, backward_ms: BACKWARD_MS, far_shift_ns: REAL_SHIFT_NS },
      ARGS,
      { stepNs, stamps },
    );
    const reason = target.reasons?.find(({ code }) => code === "clock-step")?.text ?? "";
    const moved = Number(/moved by (-?[\d.]+) ms/.exec(reason)?.[1]);
    assert.ok(Math.abs(moved - 1000 * seconds) < 1, `${reason} ${JSON.stringify(target.reasons)}`);
    // The clock that the reflector is synchronized by is another one from then on, and it says so in its answers.
    const [least, most] = relayed.claimed ?? assert.fail("its answers claim nothing");
    assert.ok(least >= OWN_ERROR_NS && least < 10 * OWN_ERROR_NS, `${least}`);
    assert.ok(most >= 0.999e9 && most < 1.01e9, `${most}`);
    assert.equal(client.one_way?.clocks, "compared");
    for (const way of ["forward", "backward"] as const) {
      const delay = client.latency?.[way] ?? null,
        about = client.one_way?.[way],
        bound = about?.error_ns ?? 0;
      const truth = measuredOf(client, relayed[way]);
      if (delay === null) {
        assert.match(about?.reason ?? "", /more than the median delay|further below nothing/);
      } else {assert.ok(
          Math.abs(delay.p50_ns - truth.p50) < bound + STAMPS_NS,
          `${way}: ${delay.p50_ns}, ${truth.p50} ± ${bound}`,
        );}
    }
  });
}

Deno.test({
  name: "loss of each way is told apart exactly: 3 % on the way out, 1 % on the way back (python3, gcc)",
  ignore,
}, async () => {
  await using lab = await Lab.make();
  const { client, relayed } = await lab.run(
    { lose_forward: [100, [10, 45, 80]], lose_backward: [100, [61]] },
    `${ARGS},bps=704k,duration=1`,
  );
  const first = client.engine?.first_packet as number, sent = client.counts!.sent;
  const measured = (numbers: number[]) => numbers.filter((n) => n >= first && n < first + sent).length;
  assert.ok(relayed.lost_forward.length > 40 && relayed.lost_backward.length > 10);
  assert.deepEqual(
    ["lost_forward", "lost_backward", "lost_unknown"].map((name) => figure(client, name)),
    [measured(relayed.lost_forward), measured(relayed.lost_backward), 0],
  );
  // What the shares of several testers are weighted by.
  const weights = client.metrics.flatMap(({ name, weight }) => weight === undefined ? [] : [[name, weight]]);
  assert.deepEqual(Object.fromEntries(weights), {
    loss_forward: sent,
    loss_backward: sent - measured(relayed.lost_forward),
  });
  assert.equal(client.counts!.lost, measured(relayed.lost_forward) + measured(relayed.lost_backward));
});

/** Runs against a reflector in Python through the relay, the tester's clock said to be right to 20 µs. */
async function synchronized(
  claim: { error_ns: number; shift_ns: number; synced?: boolean; step?: [number, number] },
  [forward_ms, backward_ms] = [FORWARD_MS, BACKWARD_MS],
): Promise<ClientResult> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-one-way-" });
  try {
    const env = {
      LD_PRELOAD: await shiftLibrary(folder),
      IPBENCH_TEST_SYNCED_US: String(OWN_ERROR_NS / 1000),
    };
    await using tester = await TestDaemon.start({ env });
    await using reflector = await PythonPeer.reflector("127.0.0.1", { synced: true, ...claim });
    await using relay = await PythonPeer.relay("127.0.0.1", ["127.0.0.1", reflector.port], {
      forward_ms,
      backward_ms,
      far_shift_ns: claim.shift_ns,
    });
    const { document, stderr } = await runConfig({
      test: "stamp",
      args: ARGS,
      testPort: relay.port,
      clients: [{ host: tester.host, port: tester.port }],
      targets: [],
    });
    const [client] = document.clients;
    assert.ok(client !== undefined && client.error === undefined, stderr);
    const relayed = await relay.seen();
    const bound = client.one_way?.forward?.error_ns ?? 0;
    for (const way of ["forward", "backward"] as const) {
      const delay = client.latency?.[way] ?? null;
      if (delay === null) continue;
      const truth = measuredOf(client, relayed[way]);
      assert.ok(
        Math.abs(delay.p50_ns - truth.p50) <= bound + STAMPS_NS,
        `${way}: ${delay.p50_ns}, ${truth.p50} ± ${bound}`,
      );
    }
    return client;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name:
    "where both ends are synchronized, delays are right to the errors that they claim, or refused (python3, gcc)",
  ignore,
}, async (t) => {
  await t.step("300 µs off, 500 µs claimed", async () => {
    const { one_way, latency } = await synchronized({ error_ns: 500_000, shift_ns: 300_000 });
    assert.equal(one_way?.clocks, "synchronized");
    const error = one_way?.forward?.error_ns ?? 0;
    assert.ok(error >= 500_000 + OWN_ERROR_NS && error < 510_000 + OWN_ERROR_NS, `${error}`);
    assert.ok(latency?.forward !== null && latency?.backward !== null);
  });
  await t.step("7 ms off, 7.1 ms claimed: more than the delay on the way back", async () => {
    const { one_way, latency } = await synchronized({ error_ns: 7_100_000, shift_ns: REAL_SHIFT_NS });
    // On the way out 5 ms come out as 12 ± 7.1, on the way back 1 ms as -6 ± 7.1.
    assert.ok((latency?.forward?.p50_ns ?? 0) > 11e6);
    assert.equal(latency?.backward, null);
    assert.match(one_way?.backward?.reason ?? "", /more than the median delay/);
  });
  await t.step("7 ms off, 10 µs claimed: a delay below nothing", async () => {
    const { one_way, latency } = await synchronized({ error_ns: 10_000, shift_ns: REAL_SHIFT_NS });
    assert.deepEqual([latency?.forward, latency?.backward], [null, null]);
    assert.match(one_way?.forward?.reason ?? "", /below nothing/);
    assert.match(one_way?.backward?.reason ?? "", /below nothing/);
  });
  await t.step("stepped by 10 ms in the middle, which is less than any delay", async () => {
    const claim = { error_ns: 100_000, shift_ns: 0 };
    const stepOf = ({ reasons }: ClientResult) => reasons?.find(({ code }) => code === "clock-step")?.text;
    const text = stepOf(await synchronized({ ...claim, step: [200, 10_000_000] }, [50, 40])) ?? "no reason";
    assert.ok(Math.abs(Number(/moved by ([\d.]+) ms/.exec(text)?.[1]) - 10) < 1, text);
    assert.equal(stepOf(await synchronized(claim, [50, 40])), undefined);
  });
  await t.step("not synchronized", async () => {
    const { one_way } = await synchronized({ error_ns: 10_000, shift_ns: 0, synced: false });
    assert.equal(one_way?.clocks, null);
    assert.match(one_way?.forward?.reason ?? "", /far end's clock is not synchronized/);
  });
});

Deno.test({
  name: "no delay where the clocks' error is larger than it: a reflector that claims 10 ms (python3)",
  ignore,
}, async () => {
  await using relayed = await PythonPeer.reflector("127.0.0.1", {
    synced: true,
    error_ns: 10_000_000,
    shift_ns: REAL_SHIFT_NS,
  });
  const child = drive({ plugin: "stamp", target: "127.0.0.1", port: relayed.port, args: ARGS });
  const { result } = await drivenRow<ClientResult>(child);
  // This machine's clock is not synchronized, or to some error: either way no number comes of the reflector's claim alone.
  const record = result.one_way_record!;
  assert.ok(
    record.far_error_ns! >= 10_000_000 && record.far_error_ns! < 10_100_000,
    `${record.far_error_ns}`,
  );
  const base = Number(BigInt(record.forward!.base_ns));
  assert.ok(
    base > REAL_SHIFT_NS && base < REAL_SHIFT_NS + 50e6,
    `the raw difference holds the shift: ${base}`,
  );
});
