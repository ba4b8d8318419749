/**
 * A device between two testers, and testers themselves, that fail: each has a reason of its own, and no figure is made up.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ResultDocument } from "../../results/document/document.ts";
import { forwarded, PORT } from "../fixtures/forwarded.ts";
import { DeviceLab, FaultyDevice, started, starts } from "../fixtures/network/device_lab.ts";
import { hasNamespaces, isInstalled, kill, type TestDaemon } from "../util/mod.ts";

const ignore = !hasNamespaces();
const LOAD = "bps=1M,size=100,duration=1,warmup=0,drain=300ms,noise=0,limits=shared";
/** Packets that are due in it. */
const DUE = 1250;

function codes(document: ResultDocument): string[] {
  return (document.run.details ?? []).map(({ code }) => code);
}

function metric(document: ResultDocument, side: "left" | "right", name: string): number | undefined {
  return document.clients.find((client) => client.name === side)?.metrics.find((each) => each.name === name)
    ?.value;
}

/** The process of a daemon's test, once one more than before runs. */
async function testOf(daemon: TestDaemon, before: number): Promise<number> {
  await started(daemon, before);
  return (await daemon.testPid()) ?? assert.fail("no test runs");
}

Deno.test({ name: "through a router: what is wrong is told, and nothing is made up", ignore }, async (t) => {
  using lab = DeviceLab.make("x", "router");
  const target = lab.address("right");
  await using left = await lab.daemon("left");
  await using right = await lab.daemon("right");
  const run = (args = LOAD) => forwarded(lab, args, [{ from: "left", target }]);

  await t.step("the device loses its second link: what was sent then is lost", async () => {
    const before = starts(left);
    const running = run(LOAD.replace("duration=1", "duration=2"));
    await started(left, before);
    await new Promise((done) => setTimeout(done, 1_200));
    lab.inDevice("ip", "link", "set", "right", "down");
    const document = await running;
    lab.inDevice("ip", "link", "set", "right", "up");
    lab.inDevice("ip", "-6", "addr", "replace", "2001:2:0:1::1/64", "dev", "right", "nodad");
    const { sent, ok, lost, corrupt, late } = document.clients[0]!.counts!;
    assert.ok(ok > 300 && lost > 300, JSON.stringify(document.clients[0]!.counts));
    assert.equal(ok + lost + corrupt + late, sent);
    const series = document.clients[0]!.series!;
    assert.equal(series.at(-1)!.ok, 0);
    assert.equal(series.reduce((sum, point) => sum + point.lost, 0), lost);
    const { outages } = document.clients[0]!;
    assert.equal(outages?.count, 1);
    assert.equal(outages?.longest_packets, lost);
    assert.equal(outages?.list?.[0]?.packets, lost);
    assert.ok(Math.abs(outages!.longest_ns! / (lost * 8e5) - 1) < 0.001, "a packet every 0.8 ms");
  });

  await t.step("nothing arrives, and nobody says why", async () => {
    lab.inDevice("sysctl", "-qw", "net.ipv4.ip_forward=0");
    const document = await run();
    lab.inDevice("sysctl", "-qw", "net.ipv4.ip_forward=1");
    assert.equal(document.run.verdict, "INVALID");
    const text = document.run.reasons.join("\n");
    assert.match(
      text,
      /none of \d+ packets arrived at right, nor did a frame of the learning phase: does the device know/,
    );
    const { sent, ok, lost } = document.clients[0]!.counts!;
    assert.deepEqual([sent, ok, lost], [DUE, 0, DUE]);
    assert.equal(document.clients[0]!.latency?.forward, null);
    assert.match(document.clients[0]!.one_way!.forward!.reason!, /learning/);
  });

  await t.step("nothing arrives, and the device says that it knows no way", async () => {
    lab.inDevice("ip", "route", "add", "unreachable", `${target}/32`);
    const document = await run();
    lab.inDevice("ip", "route", "del", "unreachable", `${target}/32`);
    assert.match(document.run.reasons.join("\n"), /what came back: .*unreachable/);
    assert.ok(codes(document).includes("nothing-arrived"));
  });

  await t.step("the receiver's test dies in the middle", async () => {
    const before = starts(right);
    const running = run(LOAD.replace("duration=1", "duration=3"));
    kill(await testOf(right, before), "SIGKILL");
    const document = await running;
    assert.equal(document.run.verdict, "INVALID");
    assert.equal(document.run.failed, true);
    assert.equal(document.clients[0]!.counts, null, "what arrived is not known");
    assert.match(document.run.reasons.join("\n"), /10\.\d+\.\d+\.6.*forward/);
    await right.assertFree(5_000);
    await left.assertFree(5_000);
  });

  await t.step("the sender's test dies in the middle", async () => {
    const before = starts(left);
    const running = run(LOAD.replace("duration=1", "duration=3"));
    kill(await testOf(left, before), "SIGKILL");
    const document = await running;
    assert.equal(document.run.verdict, "INVALID");
    assert.equal(document.clients[0]!.counts, null);
    await right.assertFree(5_000);
  });

  await t.step("strangers' packets are strays, and change nothing", async () => {
    const before = starts(right);
    // Long enough for Python to begin and end in it on a crowded machine.
    const running = run(LOAD.replace("warmup=0", "warmup=1").replace("duration=1", "duration=3"));
    await started(right, before);
    const flood = new Deno.Command("ip", {
      args: [
        ...lab.wrap("left").slice(1),
        "python3",
        "-c",
        `import socket,os,time
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
for i in range(400):
    s.sendto(os.urandom(18+i%90), ("${target}", ${PORT}))
    if i%20==19: time.sleep(0.01)`,
      ],
    }).outputSync();
    assert.ok(flood.success);
    const document = await running;
    assert.equal(metric(document, "right", "stray_packets"), 400);
    const { sent, ok } = document.clients[0]!.counts!;
    assert.deepEqual([sent, ok], [3 * DUE, 3 * DUE]);
  });

  await t.step("a receiver that stands still drops packets itself, and says so", async () => {
    const before = lab.udpDrops("right"), tests = starts(right);
    const running = forwarded(lab, LOAD.replace("bps=1M", "bps=8M"), [
      { from: "left", target },
      { from: "right", sends: false, args: "rcvbuf=8192" },
    ]);
    const pid = await testOf(right, tests);
    await new Promise((done) => setTimeout(done, 500));
    kill(pid, "SIGSTOP");
    await new Promise((done) => setTimeout(done, 300));
    kill(pid, "SIGCONT");
    const document = await running;
    const dropped = lab.udpDrops("right") - before;
    assert.ok(dropped > 50, `${dropped}`);
    assert.equal(metric(document, "right", "receive_queue_drops"), dropped);
    assert.ok(codes(document).includes("receive-drops"));
    // One that the kernel dropped may have been of those that tell the receiver how many to expect, and not of those it counts.
    const { lost } = document.clients[0]!.counts!;
    assert.ok(lost <= dropped && dropped - lost <= 5, `${lost} lost, ${dropped} dropped`);
  });

  await t.step("an interface that is not there, an address without a port", async () => {
    const document = await forwarded(lab, `${LOAD},socktype=raw,iface=none0`, [{ from: "left" }]);
    assert.match(document.run.reasons.join("\n"), /no interface "none0"/);
  });
});

Deno.test({
  name: "what a device does to checksums and tags is told (python3, ethtool)",
  ignore: ignore || !isInstalled("python3") || !isInstalled("ethtool"),
}, async (t) => {
  using lab = DeviceLab.make("y", "bare");
  await using _left = await lab.daemon("left");
  await using _right = await lab.daemon("right");

  await t.step("UDP checksums that are wrong", async () => {
    const device = await FaultyDevice.start(lab, "--every", "5", "--faults", "spoil");
    const document = await forwarded(lab, LOAD, [{ from: "left", target: lab.address("right") }]);
    const handled = (await device.end()).right;
    assert.equal(handled.spoil, DUE / 5);
    assert.equal(metric(document, "right", "wrong_checksums"), handled.spoil);
    assert.equal(metric(document, "right", "receive_queue_drops"), 0);
    assert.equal(metric(document, "right", "interface_drops"), 0);
    assert.equal(document.clients[0]!.counts!.lost, handled.spoil);
    assert.ok(codes(document).includes("receive-checksums"));
  });

  await t.step("other tags than were sent", async () => {
    const device = await FaultyDevice.start(lab);
    const raw = `${LOAD},socktype=raw,iface=d0`;
    const document = await forwarded(lab, raw, [
      { from: "left", args: "vlan=100" },
      { from: "right", sends: false, args: "vlan=200" },
    ]);
    const handled = (await device.end()).right;
    const { sent, ok } = document.clients[0]!.counts!;
    assert.deepEqual([sent, ok], [DUE, DUE]);
    assert.equal(handled.seen, DUE);
    const other = metric(document, "right", "other_vlan") ?? 0;
    assert.ok(other > DUE && other < DUE + 60, `${other}: of all phases, learning too`);
  });
});

Deno.test(
  { name: "packets that go to another tester than they were sent to are misrouted", ignore },
  async () => {
    using lab = DeviceLab.make("z", "router");
    const ports = [PORT, PORT + 1];
    const daemons: TestDaemon[] = [];
    try {
      for (const side of ["left", "left", "right", "right"] as const) {
        daemons.push(await lab.daemon(side, { port: 0 }));
      }
      const at = (n: number) => `hostname="${daemons[n]!.host}" port="${daemons[n]!.port}"`;
      const { runProgram } = await import("../util/mod.ts");
      const { TemporaryFolder } = await import("../fixtures/folders.ts");
      using folder = TemporaryFolder.make();
      const target = `test_target="${lab.address("right")}"`;
      // The first one's packets go to the second one's port.
      const path = folder.write(
        "lab.xml",
        `<ipbench><test name="forward" args="${LOAD}">
        <client ${at(0)} to="a" ${target} test_port="${ports[1]}"/>
        <client ${at(1)} to="b" ${target}/>
        <client name="a" ${at(2)} test_port="${ports[0]}"/>
        <client name="b" ${at(3)} test_port="${ports[1]}"/></test></ipbench>`,
      );
      await runProgram("ipbench", ["run", path, "--json", `${folder.path}/r.json`]);
      const document: ResultDocument = JSON.parse(await Deno.readTextFile(`${folder.path}/r.json`));
      const [first, second, a, b] = document.clients;
      assert.deepEqual([first!.counts!.sent, first!.counts!.lost], [DUE, DUE]);
      assert.deepEqual([second!.counts!.sent, second!.counts!.ok], [DUE, DUE]);
      assert.equal(b!.metrics.find(({ name }) => name === "misrouted_packets")?.value, DUE);
      assert.equal(a!.metrics.find(({ name }) => name === "misrouted_packets")?.value, 0);
    } finally {
      await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
    }
  },
);
