/**
 * Packets that the machine under test rejects by nftables, with each kind of ICMP error that it knows: each costs itself. And errors
 * that a stranger forges about packets that are answered: they cost nothing.
 */
import assert from "node:assert/strict";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Lines } from "../fixtures/first_line.ts";
import { hasNamespaces, isInstalled, kill, projectRoot, until } from "../util/mod.ts";

interface Result {
  counts: { sent: number; ok: number; late: number; lost: number };
  engine: {
    icmp_errors: number;
    icmp?: { type: number; code: number; count: number; from: string; mtu?: number }[];
    icmp_note?: string;
    why?: string;
  };
  pacing: { refused: number };
  metrics: { name: string; value: number | null }[];
  reasons: { code: string; text: string }[];
}

/** nftables' names, with type and code as RFC 792, 1122, 1812 and 4443 number them. */
const ICMP: [name: string, type: number, code: number][] = [
  ["net-unreachable", 3, 0],
  ["host-unreachable", 3, 1],
  ["prot-unreachable", 3, 2],
  ["port-unreachable", 3, 3],
  ["net-prohibited", 3, 9],
  ["host-prohibited", 3, 10],
  ["admin-prohibited", 3, 13],
];
const ICMP6: typeof ICMP = [
  ["no-route", 1, 0],
  ["admin-prohibited", 1, 1],
  ["addr-unreachable", 1, 3],
  ["port-unreachable", 1, 4],
  ["policy-fail", 1, 5],
  ["reject-route", 1, 6],
];
/** 200 packets a second for 0.4 s. */
const PACKETS = 80;
const ARGS = "socktype=udp,size=64,bps=102400,duration=0.4,warmup=0,cooldown=0,noise=0,drain=0.5,late=1";
const NEAR6 = "fd00:1b::1", FAR6 = "fd00:1b::2";

async function run(command: string[]): Promise<string> {
  const [path = "", ...args] = command;
  const { success, stdout, stderr } = await new Deno.Command(path, { args }).output();
  assert.ok(success, `${command.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The far end rejects every fourth packet to the port; gives how many it has rejected when `work` is over. */
async function rejecting<T>(
  link: Veth,
  port: number,
  reject: string,
  work: () => Promise<T>,
): Promise<{ done: T; rejected: number }> {
  const nft = (...words: string[]) => run([...link.wrap, "nft", ...words]);
  await nft("add table inet t");
  try {
    await nft("add chain inet t in { type filter hook input priority 0; }");
    await nft(`add rule inet t in udp dport ${port} numgen inc mod 4 == 0 counter reject with ${reject}`);
    const done = await work();
    const listed = await nft("list chain inet t in");
    return { done, rejected: Number(/counter packets (\d+)/.exec(listed)?.[1]) };
  } finally {
    await nft("delete table inet t");
  }
}

const STREAM_PORT = 5206;

function listens(link: Veth): boolean {
  const [command = "", ...args] = [...link.wrap, "ss", "-Hltn", `sport = :${STREAM_PORT}`];
  return new Deno.Command(command, { args }).outputSync().stdout.length > 0;
}

const ignore = !hasNamespaces() || !isInstalled("nft");

Deno.test(
  { name: "every ICMP error of nftables costs the packet that it is about (nftables)", ignore },
  async (t) => {
    using link = Veth.make("r");
    assert.ok(link !== null);
    await run(["ip", "-6", "addr", "add", `${NEAR6}/64`, "dev", link.near, "nodad"]);
    await run(["ip", "-n", link.namespace, "-6", "addr", "add", `${FAR6}/64`, "dev", link.far, "nodad"]);
    // The kernel sends few ICMP errors a second unless it is told otherwise.
    await run([...link.wrap, "sysctl", "-q", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"]);
    for (
      const [family, address, kinds] of [["icmp", link.farAddress, ICMP], ["icmpv6", FAR6, ICMP6]] as const
    ) {
      const echo = await FaultyEcho.start(["--ip", address, "--every", "0"], link.wrap);
      try {
        for (const [name, type, code] of kinds) {
          await t.step(`${family} ${name}`, async () => {
            const { done, rejected } = await rejecting(
              link,
              echo.port,
              `${family} type ${name}`,
              async () =>
                (await drivenRow<Result>(drive({ target: address, port: echo.port, args: ARGS }))).result,
            );
            const { counts, engine, pacing } = done;
            assert.equal(rejected, PACKETS / 4);
            // On a crowded machine the echo, which spins, stands still for longer than drain: then answers are late.
            const { sent, ok, late, lost } = counts;
            assert.deepEqual(
              [sent, ok + late, lost],
              [PACKETS, PACKETS - rejected, rejected],
              JSON.stringify(counts),
            );
            assert.equal(pacing.refused, 0, "no packet of them was refused here");
            assert.deepEqual(engine.icmp, [{
              ...engine.icmp?.[0],
              type,
              code,
              count: rejected,
              from: address,
            }]);
            assert.equal(engine.icmp_errors, rejected);
          });
        }
      } finally {
        await echo.end();
      }
    }
  },
);

/** What a stranger with an eye on the link's far end forges while `work` goes on, and what came to the port there. */
async function forging<T>(
  link: Veth,
  port: number,
  mtu: number[],
  work: () => Promise<T>,
): Promise<{ done: T; datagrams: number; fragments: number }> {
  const forger = `${projectRoot()}/tests/fixtures/witness/icmp_forger.py`;
  const [command = "", ...args] = [...link.wrap, "python3", forger, link.far, `${port}`, ...mtu.map(String)];
  const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
  const lines = new Lines(child);
  try {
    assert.equal(await lines.next(), "ready");
    const done = await work();
    await child.stdin.close();
    const [datagrams, fragments] = (await lines.next()).split(" ").map(Number);
    return { done, datagrams: datagrams!, fragments: fragments! };
  } finally {
    await lines.cancel();
    kill(child.pid, "SIGKILL");
    await child.status;
  }
}

/** What is forged; IPv6 has no link below 1,280 bytes. */
const FORGED: [name: string, family: 4 | 6, mtu: number[]][] = [
  ["port unreachable", 4, []],
  ["port unreachable", 6, []],
  ["fragmentation needed", 4, [600]],
  ["packet too big", 6, [1280]],
];
const SHORT = "duration=0.4,warmup=0,cooldown=0";
const LATENCY = `socktype=udp,size=1400,bps=2240000,${SHORT},noise=0,drain=0.5,late=1`;
/** Tests of an echo, and whether their packets may be cut where IPv6 is told to. */
const SENDERS: [plugin: string, args: string, cut: boolean][] = [
  ["latency", LATENCY, true],
  ["latency", `${LATENCY},df=1`, false],
  ["latency", `${LATENCY},df=1,engine=socket`, false],
  ["latency", `${LATENCY},df=1,engine=gso,arrival=burst:8`, false],
  ["rr", `proto=udp,request=1400,rate=200,connections=4,${SHORT}`, true],
];

Deno.test({
  name: "ICMP errors forged about each datagram cost none that is answered (root, python3, ss)",
  ignore: !hasNamespaces() || !isInstalled("python3") || !isInstalled("ss"),
}, async (t) => {
  using link = Veth.make("f");
  assert.ok(link !== null);
  await run(["ip", "-6", "addr", "add", `fd00:1c::1/64`, "dev", link.near, "nodad"]);
  await run(["ip", "-n", link.namespace, "-6", "addr", "add", "fd00:1c::2/64", "dev", link.far, "nodad"]);
  for (const [name, family, mtu] of FORGED) {
    const target = family === 4 ? link.farAddress : "fd00:1c::2";
    const echo = await FaultyEcho.start(["--ip", target, "--every", "0"], link.wrap);
    try {
      for (const [plugin, args, cut] of SENDERS) {
        await t.step(`${name}, IPv${family}: ${plugin} ${args}`, async () => {
          const { done: { result }, datagrams, fragments } = await forging(
            link,
            echo.port,
            mtu,
            () => drivenRow<Result>(drive({ plugin, target, port: echo.port, args })),
          );
          const { counts, engine, pacing, reasons } = result;
          // Datagrams of a train come here in one piece.
          assert.ok(counts.sent > 0 && datagrams >= (args.includes("gso") ? 1 : counts.sent), `${datagrams}`);
          assert.doesNotMatch(engine.why ?? "", /no trains/);
          assert.deepEqual(
            [counts.ok + counts.late, counts.lost],
            [counts.sent, 0],
            JSON.stringify([counts, reasons]),
          );
          assert.equal(pacing?.refused ?? 0, 0, "a packet was refused");
          if (family === 4 || !cut || mtu.length === 0) assert.equal(fragments, 0, "packets were cut");
        });
      }
    } finally {
      await echo.end();
    }
    await t.step(`${name}, IPv${family}: stream`, async () => {
      const listening = drive({
        plugin: "stream_target",
        args: `port=${STREAM_PORT},ip=${target}`,
        target: "",
        port: 0,
        wrap: link.wrap,
        seconds: 10,
      });
      const over = listening.output();
      try {
        await until("stream_target listens", 10_000, () => listens(link));
        const { done: { result }, datagrams, fragments } = await forging(
          link,
          STREAM_PORT,
          mtu,
          () =>
            drivenRow<Result>(
              drive({
                plugin: "stream",
                target,
                port: STREAM_PORT,
                args: "proto=udp,bps=4M,size=1400,duration=0.5,warmup=0.1",
              }),
            ),
        );
        const { counts } = result;
        assert.ok(counts.sent > 0 && datagrams > 0, `${datagrams}`); // in trains
        assert.deepEqual([counts.ok, counts.lost], [counts.sent, 0], JSON.stringify(result.reasons));
        if (family === 4) assert.equal(fragments, 0, "datagrams were cut");
      } finally {
        kill(listening.pid, "SIGTERM");
        await over;
      }
    });
    await t.step(`${name}, IPv${family}: discard`, async () => {
      const { done: { result }, datagrams } = await forging(
        link,
        STREAM_PORT,
        mtu,
        () =>
          drivenRow<Result>(
            drive({
              plugin: "discard",
              target,
              port: STREAM_PORT,
              args: `socktype=udp,size=1400,bps=2240000,${SHORT}`,
            }),
          ),
      );
      const sent = result.metrics.find(({ name }) => name === "sent_packets")?.value ?? 0;
      assert.ok(
        sent >= PACKETS && datagrams >= sent,
        `${sent} sent, ${datagrams} came: ${JSON.stringify(result.reasons)}`,
      );
    });
  }
});

Deno.test({
  name: "of a path that is too narrow for df=1 a run says so (root)",
  ignore: !hasNamespaces(),
}, async (t) => {
  using link = Veth.make("n");
  assert.ok(link !== null);
  /* Behind the far end lies another namespace, to which a narrow link leads. */
  const beyond = `${link.namespace}b`;
  await run(["ip", "netns", "add", beyond]);
  try {
    const inside = ["ip", "-n", link.namespace], last = ["ip", "-n", beyond];
    await run([...inside, "link", "add", "mid", "type", "veth", "peer", "name", "end", "netns", beyond]);
    for (
      const [family, own, router, target] of [
        [4, link.farAddress, "10.99.99.1/24", "10.99.99.2"],
        [6, "fd00:1d::2", "fd00:1e::1/64", "fd00:1e::2"],
      ] as const
    ) {
      const nodad = family === 6 ? ["nodad"] : [], flag = `-${family}`;
      if (family === 6) {
        await run(["ip", "-6", "addr", "add", "fd00:1d::1/64", "dev", link.near, "nodad"]);
        await run([...inside, "-6", "addr", "add", "fd00:1d::2/64", "dev", link.far, "nodad"]);
      }
      await run([...inside, flag, "addr", "add", router, "dev", "mid", ...nodad]);
      await run([...last, flag, "addr", "add", `${target}/${router.split("/")[1]}`, "dev", "end", ...nodad]);
      await run([...inside, "link", "set", "mid", "up", "mtu", "1300"]);
      await run([...last, "link", "set", "end", "up", "mtu", "1300"]);
      await run([...last, flag, "route", "add", "default", "via", router.split("/")[0]!]);
      await run([
        ...link.wrap,
        "sysctl",
        "-q",
        ...["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"],
        ...["net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"],
      ]);
      await run([
        "ip",
        flag,
        "route",
        "add",
        `${target}/${family === 4 ? 32 : 128}`,
        "via",
        own,
        "dev",
        link.near,
      ]);
      const echo = await FaultyEcho.start(["--ip", target, "--every", "0"], ["ip", "netns", "exec", beyond]);
      try {
        await t.step(`IPv${family}: some packets too long`, async () => {
          const args = `${LATENCY.replace("size=1400", "sizes=1400:1;200:1")},df=1`;
          const { result } = await drivenRow<Result>(drive({ target, port: echo.port, args }));
          const { counts, engine } = result;
          assert.ok(counts.ok > 0 && counts.lost > 0, JSON.stringify(counts));
          assert.equal(result.pacing.refused, 0);
          assert.equal(engine.icmp?.length, 1, JSON.stringify(engine.icmp));
          assert.deepEqual(engine.icmp[0], { ...engine.icmp[0], mtu: 1300, from: own });
          assert.ok(engine.icmp_note?.includes("for an MTU of 1300 bytes"), engine.icmp_note);
        });
        await t.step(`IPv${family}: all packets too long`, async () => {
          const { result } = await drivenRow<Result>(
            drive({ target, port: echo.port, args: `${LATENCY},df=1` }),
          );
          const reason = result.reasons.find(({ code }) => code === "target-unreachable");
          assert.match(reason?.text ?? "", /1400 bytes .*for an MTU of 1300 bytes.*df/);
        });
        await t.step(`IPv${family}: fragments`, async () => {
          const { result } = await drivenRow<Result>(drive({ target, port: echo.port, args: LATENCY }));
          assert.equal(result.counts.sent, PACKETS);
          // With IPv6 the first is lost where nobody has learnt of the MTU yet.
          assert.ok(result.counts.ok >= PACKETS - (family === 6 ? 1 : 0), JSON.stringify(result.counts));
        });
      } finally {
        await echo.end();
      }
    }
  } finally {
    await run(["ip", "netns", "del", beyond]);
  }
});
