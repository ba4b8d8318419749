/**
 * What goes through a device, against what the device did: one that loses, repeats, damages, holds back and delays frames by rule
 * and counts them itself, and the kernel's counters of a router's interfaces.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ResultDocument } from "../../results/document/document.ts";
import { forwarded, type Sender } from "../fixtures/forwarded.ts";
import { DeviceLab, FaultyDevice, type Handled, type Side } from "../fixtures/network/device_lab.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { hasNamespaces, isInstalled, projectRoot, runProgram, type TestDaemon } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("python3") || !isInstalled("ethtool");

/** No phase but the measured one, so that every frame with data counts. */
const LOAD = "bps=4M,size=250,duration=1,warmup=0,drain=500ms,noise=0,limits=shared";
/** Holds a sender's part against what the device did to its frames. */
function compare(document: ResultDocument, side: Side, handled: Handled): void {
  const client = document.clients.find(({ name }) => name === side)!;
  const text = `${side}: ${JSON.stringify(client.counts)} of ${JSON.stringify(handled)}; ${
    document.run.reasons.join("; ")
  }`;
  const { sent, ok, lost, late, corrupt, duplicate, reordered } = client.counts ?? assert.fail(text);
  assert.equal(sent, handled.seen, text);
  assert.equal(lost, handled.drop, text);
  assert.equal(corrupt, handled.corrupt, text);
  assert.equal(duplicate, handled.duplicate, text);
  assert.equal(reordered, handled.reorder, text);
  assert.equal(late, 0, text);
  assert.equal(ok, handled.seen - handled.drop - handled.corrupt, text);
  const [flow, ...more] = client.forward?.flows ?? [];
  // Of the smallest packets a damaged one has no number, and so no place in the order.
  if (more.length === 0 && !client.args.includes("size=18")) {
    assert.equal(flow?.reorder_extent, handled.extent, text);
  }
  const sum = (key: "sent" | "ok" | "lost" | "corrupt" | "duplicate") =>
    client.forward!.flows!.reduce((total, each) => total + each[key], 0);
  assert.deepEqual(
    [sum("sent"), sum("ok"), sum("lost"), sum("corrupt"), sum("duplicate")],
    [sent, ok, lost, corrupt, duplicate],
    text,
  );
  const series = client.series!.reduce((total, point) => total + point.ok, 0);
  assert.equal(series, ok, text);
}

Deno.test({ name: "counts of a faulty device's frames (python3)", ignore }, async (t) => {
  using lab = DeviceLab.make("f", "bare");
  await using _left = await lab.daemon("left");
  await using _right = await lab.daemon("right");
  const faults = ["--every", "10", "--faults", "drop,duplicate,reorder,corrupt"];
  const run = async (args: string, senders: readonly Sender[]) => {
    const device = await FaultyDevice.start(lab, ...faults);
    const document = await forwarded(lab, args, senders);
    return { document, handled: await device.end() };
  };
  const right = lab.address("right"), left = lab.address("left");
  await t.step("UDP over IPv4, both directions at once", async () => {
    const { document, handled } = await run(LOAD, [
      { from: "left", target: right },
      { from: "right", target: left, args: "bps=2M" },
    ]);
    compare(document, "left", handled.right);
    compare(document, "right", handled.left);
    assert.equal(document.total.counts?.sent, handled.right.seen + handled.left.seen);
    assert.ok(handled.right.seen > 1500 && handled.left.seen > 700);
    for (const kind of ["drop", "duplicate", "reorder", "corrupt", "extent"] as const) {
      assert.ok(handled.right[kind] > 0, kind);
    }
  });
  await t.step("UDP over IPv6, packets as small as they can be", async () => {
    const args = LOAD.replace("size=250", "size=18").replace("bps=4M", "bps=288k");
    const { document, handled } = await run(args, [{ from: "left", target: lab.address6("right") }]);
    compare(document, "left", handled.right);
    assert.ok(handled.right.seen >= 1999);
  });
  await t.step("four flows, each counted by itself", async () => {
    const { document, handled } = await run(`${LOAD},flows=4`, [{ from: "left", target: right }]);
    const { counts, forward } = document.clients[0]!;
    assert.equal(counts?.sent, handled.right.seen);
    assert.equal(counts?.lost, handled.right.drop);
    assert.equal(counts?.duplicate, handled.right.duplicate);
    assert.equal(forward?.flows?.length, 4);
    for (const flow of forward!.flows!) {
      assert.ok(flow.sent >= 499 && flow.sent <= 501, JSON.stringify(flow));
      assert.equal(flow.sent, flow.ok + flow.lost + flow.corrupt + flow.late);
    }
  });
  await t.step("Ethernet frames with two tags, to an address that is made up", async () => {
    const raw = `${LOAD},socktype=raw,iface=d0,vlan=200.100p5`;
    const { document, handled } = await run(raw, [{ from: "left" }]);
    compare(document, "left", handled.right);
    assert.equal(handled.right.bytes, handled.right.seen * 250);
    const other = document.clients[1]!.metrics.find(({ name }) => name === "other_vlan");
    assert.equal(other?.value, 0);
  });
});

Deno.test({ name: "one-way delay of a device that holds frames (python3)", ignore }, async () => {
  using lab = DeviceLab.make("d", "bare");
  await using _left = await lab.daemon("left");
  await using _right = await lab.daemon("right");
  const device = await FaultyDevice.start(lab, "--delay-ms", "5,1");
  const document = await forwarded(lab, LOAD.replace("bps=4M", "bps=1M"), [
    { from: "left", target: lab.address("right") },
    { from: "right", target: lab.address("left") },
  ]);
  const handled = await device.end();
  for (const [side, way] of [["left", "right"], ["right", "left"]] as const) {
    const client = document.clients.find(({ name }) => name === side)!;
    const stay = handled[way].stay_ns!, delay = client.latency?.forward;
    const text = `${side}: ${JSON.stringify(delay)} of ${JSON.stringify(stay)}`;
    assert.equal(client.one_way?.clocks, "same", text);
    assert.ok(delay, text);
    assert.equal(delay.count, client.counts?.ok);
    // A frame is in the device for a part of its way: no delay is shorter, and what comes on top is short.
    const error = client.one_way!.forward!.error_ns!;
    assert.ok(error < 100_000, text);
    assert.ok(delay.min_ns + error >= stay.min, text);
    assert.ok(delay.mean_ns + error >= stay.mean, text);
    assert.ok(delay.p50_ns - stay.median < 1_500_000, text);
    assert.equal(client.latency?.service, null, "nothing came back: there is no round trip");
  }
});

Deno.test({
  name: "eight pairs through a router against its interfaces' counters (nft)",
  ignore: ignore || !isInstalled("nft"),
}, async () => {
  using lab = DeviceLab.make("p", "router");
  const PAIRS = 8, first = 7100;
  lab.inDevice("nft", "add table inet t; add chain inet t f { type filter hook forward priority 0; }");
  for (let n = 0; n < PAIRS; n++) {
    const rule = `udp dport ${first + n} udp length != 94 counter`;
    lab.inDevice("nft", `add rule inet t f ip daddr ${lab.address("right")} ${rule}`);
  }
  // Every fourth packet of the last pair is lost.
  lab.inDevice(
    "nft",
    `add rule inet t f udp dport ${first + PAIRS - 1} udp length != 94 numgen inc mod 4 0 counter drop`,
  );
  using folder = TemporaryFolder.make();
  const daemons: TestDaemon[] = [];
  try {
    for (let n = 0; n < 2 * PAIRS; n++) {
      daemons.push(await lab.daemon(n < PAIRS ? "left" : "right", { port: 0 }));
    }
    const clients = daemons.map((daemon, n) =>
      n < PAIRS
        ? `<client hostname="${daemon.host}" port="${daemon.port}" to="r${n}" test_target="${
          lab.address("right")
        }" test_args="bps=${n + 1}00k,size=100,duration=2,warmup=0,drain=500ms,noise=0,limits=shared"/>`
        : `<client name="r${n - PAIRS}" hostname="${daemon.host}" port="${daemon.port}" test_port="${
          first + n - PAIRS
        }"/>`
    );
    const args = "size=100,duration=2,warmup=0,drain=500ms,noise=0,limits=shared";
    const path = folder.write(
      "lab.xml",
      `<ipbench><test name="forward" args="${args}">${clients.join("")}</test></ipbench>`,
    );
    const { stderr } = await runProgram("ipbench", ["run", path, "--json", `${folder.path}/r.json`], {
      deadlineMs: 120_000,
    });
    const document: ResultDocument = JSON.parse(await Deno.readTextFile(`${folder.path}/r.json`));
    const rules = JSON.parse(lab.inDevice("nft", "-j", "list chain inet t f")).nftables as {
      rule?: { expr: { counter?: { packets: number } }[] };
    }[];
    const counted = rules.flatMap(({ rule }) =>
      rule?.expr.flatMap((each) => each.counter?.packets ?? []) ?? []
    );
    assert.equal(counted.length, PAIRS + 1);
    for (let n = 0; n < PAIRS; n++) {
      const { counts } = document.clients[n]!;
      const text = `pair ${n}: ${JSON.stringify(counts)}, ${counted}\n${stderr}`;
      assert.equal(counts?.sent, counted[n], text);
      assert.equal(counts?.lost, n === PAIRS - 1 ? counted[PAIRS] : 0, text);
      assert.equal(counts!.ok + counts!.lost, counts!.sent, text);
    }
    const all = counted.slice(0, PAIRS).reduce((sum, packets) => sum + packets, 0);
    assert.equal(document.total.counts?.sent, all);
    assert.equal(document.total.counts?.ok, all - counted[PAIRS]!);
    assert.ok(counted[PAIRS]! > 400);
  } finally {
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
  }
});

Deno.test(
  { name: "examples/forward.xml: both directions through a router, against its counters", ignore },
  async () => {
    using lab = DeviceLab.make("e", "router");
    await using _left = await lab.daemon("left");
    await using _right = await lab.daemon("right");
    using folder = TemporaryFolder.make();
    const places = [["10.0.0.2", lab.control("left")], ["10.0.0.3", lab.control("right")]] as const;
    const example = await Deno.readTextFile(`${projectRoot()}/examples/forward.xml`);
    const path = folder.write(
      "lab.xml",
      places.reduce((text, [from, to]) => text.replaceAll(from, to), example),
    );
    const before = lab.counter("left", "rx_packets");
    const { stdout, stderr } = await runProgram("ipbench", ["run", path, "--json", `${folder.path}/r.json`]);
    const document: ResultDocument = JSON.parse(await Deno.readTextFile(`${folder.path}/r.json`));
    const passed = lab.counter("left", "rx_packets") - before;
    const { sent = 0, ok, lost } = document.total.counts ?? {};
    assert.equal(ok, sent, stderr);
    assert.equal(lost, 0);
    // What came in from the left: packets of all phases, frames of learning and the end, and a few that look for neighbours.
    const all = document.clients[1]!.forward!.received![0]!;
    assert.ok(
      passed >= all.all + all.learned && passed < all.all + all.learned + 40,
      `${passed} of ${JSON.stringify(all)}`,
    );
    assert.equal(stdout.trim().split(",").length, document.csv_header!.split(",").length);
    assert.equal(Number(stdout.split(",")[4]), sent);
  },
);
