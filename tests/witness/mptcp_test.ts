/**
 * stream with `mptcp=1` against the kernel's own counters of Multipath TCP (`nstat`), its list of connections (`ss -M`), and
 * the interfaces' counters, over two links between two network namespaces.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Metric } from "../../results/document/document.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { output } from "../fixtures/output.ts";
import { hasNamespaces, isInstalled, until } from "../util/mod.ts";

const PORT = 5215;
/** Of each link: so that one alone cannot carry what two do. */
const LINK_BPS = 40e6;
const LINKS = [1, 2] as const;
/** Ethernet, IPv4, and TCP with time stamps and MPTCP's sequence numbers, as a share of a segment: at most. */
const HEADERS = 0.12;

interface Result {
  metrics: Metric[];
  engine: {
    protocol: string;
    streams: {
      subflows?: number;
      bytes_sent: number;
      bytes_received: number;
      acked_bytes?: number;
      retransmits?: number;
      course?: { t_ns: number[]; retransmits: number[] };
    }[];
  };
  reasons: { code: string; text: string }[];
}

/** Two namespaces with two links between them; the tester may make a subflow of its second address. */
class TwoLinks implements Disposable {
  readonly tester = `ipbm${Deno.pid % 100_000}a`;
  readonly target = `ipbm${Deno.pid % 100_000}b`;

  constructor() {
    for (const space of [this.tester, this.target]) {
      output("ip", "netns", "add", space);
      output("ip", "-n", space, "link", "set", "lo", "up");
    }
    for (const link of LINKS) {
      output(
        ...["ip", "-n", this.tester, "link", "add", `m${link}`, "type", "veth"],
        ...["peer", "name", `m${link}`, "netns", this.target],
      );
      for (const [space, host] of [[this.tester, 1], [this.target, 2]] as const) {
        output("ip", "-n", space, "addr", "add", `10.98.${link}.${host}/24`, "dev", `m${link}`);
        output("ip", "-n", space, "link", "set", `m${link}`, "up");
        output(
          ...["ip", "netns", "exec", space, "tc", "qdisc", "replace", "dev", `m${link}`, "root", "tbf"],
          ...["rate", `${LINK_BPS}bit`, "burst", "64kb", "latency", "30ms"],
        );
      }
    }
    for (const space of [this.tester, this.target]) {
      output("ip", "-n", space, "mptcp", "limits", "set", "subflow", "2", "add_addr_accepted", "2");
    }
    // What is sent from the second address has to leave by the second link.
    output("ip", "-n", this.tester, "route", "add", "10.98.1.0/24", "via", "10.98.2.2", "table", "2");
    output("ip", "-n", this.tester, "rule", "add", "from", "10.98.2.1", "table", "2");
    output("ip", "-n", this.target, "route", "add", "10.98.2.0/24", "dev", "m2", "table", "2");
    for (const space of [this.tester, this.target]) {
      for (const name of ["all", "m1", "m2"]) {
        output("ip", "netns", "exec", space, "sysctl", "-q", `net.ipv4.conf.${name}.rp_filter=0`);
      }
    }
    output("ip", "-n", this.tester, "mptcp", "endpoint", "add", "10.98.2.1", "dev", "m2", "subflow");
  }

  in(space: string): string[] {
    return ["ip", "netns", "exec", space];
  }

  /** What nstat counts in the tester's namespace since it was asked last. */
  counters(): Record<string, number> {
    const lines = output(...this.in(this.tester), "nstat", "-asz").split("\n");
    return Object.fromEntries(
      lines.map((line) => line.split(/\s+/)).map(([name, value]) => [name!, +value!]),
    );
  }

  /** Bytes that each link has carried away from the tester. */
  bytes(): number[] {
    return LINKS.map((link) =>
      Number(output(...this.in(this.tester), "cat", `/sys/class/net/m${link}/statistics/tx_bytes`))
    );
  }

  [Symbol.dispose](): void {
    for (const space of [this.tester, this.target]) {
      new Deno.Command("ip", { args: ["netns", "del", space], stderr: "null" }).outputSync();
    }
  }
}

async function run(
  links: TwoLinks,
  targetArgs: string,
  args: string,
  during?: () => Promise<void>,
): Promise<Result> {
  const target = drive({
    plugin: "stream_target",
    args: `port=${PORT},ip=10.98.1.2${targetArgs}`,
    target: "",
    port: 0,
    wrap: links.in(links.target),
    seconds: 6,
  });
  const over = drivenRow(target);
  over.catch(() => {});
  const listens = () =>
    output(...links.in(links.target), "ss", "-Hltn", `sport = :${PORT}`).trim().length > 0;
  await until("stream_target listens", 10_000, listens);
  const tester = drivenRow<Result>(
    drive({ plugin: "stream", target: "10.98.1.2", port: PORT, args, wrap: links.in(links.tester) }),
  );
  await during?.();
  const { result } = await tester.finally(() => target.kill("SIGTERM"));
  await over.catch(() => {});
  return result;
}

const hasMptcp = (() => {
  try {
    return Deno.readTextFileSync("/proc/sys/net/mptcp/enabled").trim() === "1";
  } catch {
    return false;
  }
})();
const ignore = !hasMptcp || !hasNamespaces() ||
  !["ss", "tc", "nstat"].every(isInstalled);

function metric({ metrics, reasons }: Result, name: string): number {
  return metrics.find((one) => one.name === name)?.value ?? assert.fail(JSON.stringify(reasons));
}

Deno.test({ name: "stream over Multipath TCP, with two subflows (ss, nstat, tc)", ignore }, async (t) => {
  using links = new TwoLinks();
  for (const direction of ["up", "down"] as const) {
    await t.step(`two links carry more than one does, ${direction}`, async () => {
      const before = links.counters();
      const carried = links.bytes();
      let seen = 0;
      const result = await run(links, ",mptcp=1", `mptcp=1,direction=${direction},duration=2`, async () => {
        await until("a connection of Multipath TCP", 5_000, () => {
          seen = output(...links.in(links.tester), "ss", "-HMtn", "state", "established").split("\n")
            .filter((line) => line.includes("mptcp") && line.includes(`:${PORT}`)).length;
          return seen > 0;
        });
      });
      const after = links.counters();
      const grew = (name: string) => after[`MPTcpExt${name}`]! - before[`MPTcpExt${name}`]!;
      assert.equal(result.engine.protocol, "mptcp");
      assert.deepEqual(result.engine.streams.map(({ subflows }) => subflows), [2]);
      assert.equal(seen, 1);
      assert.equal(grew("MPCapableSYNTX"), 1);
      assert.equal(grew("MPCapableSYNACKRX"), 1);
      assert.equal(grew("MPJoinSynAckRx"), 1);
      assert.ok(
        !result.reasons.some(({ code }) => code === "mptcp-fallback"),
        JSON.stringify(result.reasons),
      );
      const goodput = metric(result, "goodput");
      assert.ok(goodput > 1.3 * LINK_BPS && goodput < 2 * LINK_BPS, `${goodput}`);
      if (direction === "down") return;
      const [first, second] = links.bytes().map((bytes, i) => bytes - carried[i]!);
      const [{ bytes_received: received } = assert.fail()] = result.engine.streams;
      assert.ok(first! > received / 4 && second! > received / 4, `${first} and ${second} of ${received}`);
      assert.ok(first! + second! >= received, `${first! + second!} passed, ${received} came`);
      assert.ok(first! + second! <= (1 + HEADERS + 0.1) * result.engine.streams[0]!.bytes_sent + 1e6);
      // All of the connection, not of its first subflow: what was acknowledged is what came.
      const acked = result.engine.streams[0]!.acked_bytes!;
      assert.ok(Math.abs(acked * 8 / 2 / goodput - 1) < 0.05, `${acked} acknowledged, ${goodput} bit/s came`);
    });
  }
  await t.step("what a subflow has sent again stays counted when it has ended", async () => {
    const before = links.counters();
    const result = await run(links, ",mptcp=1", "mptcp=1,duration=3,warmup=0.5", async () => {
      await until("a connection of Multipath TCP", 5_000, () => {
        const lines = output(...links.in(links.tester), "ss", "-HMtn", "state", "established").split("\n");
        return lines.some((line) => line.includes("mptcp") && line.includes(`:${PORT}`));
      });
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      output("ip", "-n", links.tester, "mptcp", "endpoint", "flush");
    });
    const again = links.counters()["TcpRetransSegs"]! - before["TcpRetransSegs"]!;
    const [{ subflows, retransmits, course } = assert.fail()] = result.engine.streams;
    assert.equal(subflows, 1, "the second subflow has ended");
    const counts = course!.retransmits;
    assert.ok(counts.at(-1)! > 0, "nothing was sent again: the test shows nothing");
    const falls = counts.findIndex((count, i) => i > 0 && count < counts[i - 1]!);
    assert.equal(falls, -1, `retransmissions fall: ${counts}`);
    assert.ok(retransmits! <= again, `${retransmits} of ${again}`);
    const measured = counts.filter((_, i) => course!.t_ns[i]! < 3e9).at(-1)!;
    assert.ok(retransmits! >= measured - counts[0]!, `${retransmits}, ${counts}`);
  });
  await t.step("a target that does not take it: plain TCP, and a reason says so", async () => {
    const before = links.counters();
    const result = await run(links, "", "mptcp=1,streams=2,duration=1,bps=10M,limit_cpu=100%");
    const after = links.counters();
    assert.equal(after["MPTcpExtMPCapableSYNACKRX"], before["MPTcpExtMPCapableSYNACKRX"]);
    assert.ok(after["MPTcpExtMPCapableSYNTX"]! >= before["MPTcpExtMPCapableSYNTX"]! + 2);
    assert.deepEqual(result.engine.streams.map(({ subflows }) => subflows), [0, 0]);
    assert.match(
      result.reasons.find(({ code }) => code === "mptcp-fallback")?.text ?? JSON.stringify(result.reasons),
      /^2 of 2 streams were plain TCP: .*stream_target mptcp=1/,
    );
    assert.ok(Math.abs(metric(result, "goodput") / 10e6 - 1) < 0.1);
  });
  await t.step("a kernel that has it not is told, with a remedy", async () => {
    output(...links.in(links.tester), "sysctl", "-q", "net.mptcp.enabled=0");
    const told = await run(links, ",mptcp=1", "mptcp=1,duration=1").then(JSON.stringify, String);
    assert.match(
      told,
      /argument mptcp: Multipath TCP is not to be had here \(.*\): .*net\.mptcp\.enabled has to be 1/,
    );
  });
});
