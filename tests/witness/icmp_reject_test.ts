/**
 * Packets that the machine under test rejects by nftables, with each kind of ICMP error that it knows: each costs itself. And errors
 * that a stranger forges about packets that are answered: they cost nothing.
 */
import assert from "node:assert/strict";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { firstLine } from "../fixtures/first_line.ts";
import { hasNamespaces, isInstalled, kill, projectRoot } from "../util/mod.ts";

interface Result {
  counts: { sent: number; ok: number; lost: number };
  engine: { icmp_errors: number; icmp?: { type: number; code: number; count: number; from: string }[] };
  pacing: { refused: number };
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
const ARGS = "socktype=udp,size=64,bps=102400,duration=0.4,warmup=0,cooldown=0,noise=0,drain=0.5,late=0.5";
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
            assert.deepEqual([counts.sent, counts.ok, counts.lost], [PACKETS, PACKETS - rejected, rejected]);
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

Deno.test({
  name: "an ICMP error forged about each datagram costs none that is answered (root, python3)",
  ignore: !hasNamespaces() || !isInstalled("python3"),
}, async (t) => {
  const echo = await FaultyEcho.start(["--ip", "127.0.0.1", "--every", "0"]);
  try {
    for (
      const [plugin, args] of [["latency", ARGS], [
        "rr",
        "proto=udp,rate=200,duration=0.4,connections=4",
      ]] as const
    ) {
      await t.step(plugin, async () => {
        const forger = new Deno.Command("python3", {
          args: [`${projectRoot()}/tests/fixtures/witness/icmp_forger.py`, String(echo.port)],
          stdin: "piped",
          stdout: "piped",
        }).spawn();
        try {
          const [first, rest] = forger.stdout.tee();
          const text = new Response(rest).text();
          assert.equal(await firstLine({ stdout: first } as Deno.ChildProcess), "ready");
          const child = drive({ plugin, target: "127.0.0.1", port: echo.port, args });
          const { counts } = (await drivenRow<Result>(child)).result;
          await forger.stdin.close();
          const [, forged] = (await text).trim().split("\n");
          assert.ok(Number(forged) > 0, forged);
          assert.deepEqual([counts.ok, counts.lost], [counts.sent, 0], JSON.stringify(counts));
          assert.ok(counts.sent > 0);
        } finally {
          kill(forger.pid, "SIGKILL");
        }
      });
    }
  } finally {
    await echo.end();
  }
});
