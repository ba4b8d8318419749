/**
 * Whose word is taken for the clock's error: the real chronyd and ptp4l, which keep no clock here (`-x`, free_running), beside
 * what their own programs, chronyc and pmc, say.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ClientResult } from "../../results/document/document.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { PythonPeer } from "../fixtures/peers/stamp/peers.ts";
import { hasNamespaces, isInstalled, until } from "../util/mod.ts";

const SYNC_WITHIN_MS = 60_000;
const ARGS = "bps=176k,warmup=0.1,duration=0.2,cooldown=0,drain=1,noise=0";
/** How far chronyd is told that its source is off. */
const OFFSET_NS = 3_000_000;
/** The source that a reflector of ours names: NTP, PTP (RFC 8972, section 4.3). */
const NTP = 1, PTP = 2;

interface Result extends ClientResult {
  stamp: { clock_by: string; clock_error_ns: number; synchronized: boolean; sync_source_in?: number };
  one_way_record:
    & { own_error_ns: number | null; far_error_ns: number | null }
    & ClientResult["one_way_record"];
}

/** A program that runs until the end of its scope. */
class Running implements AsyncDisposable {
  private constructor(private readonly child: Deno.ChildProcess, readonly log: { text: string }) {}

  get pid(): number {
    return this.child.pid;
  }

  static start([path = "", ...args]: string[]): Running {
    const child = new Deno.Command(path, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
    const log = { text: "" };
    (async () => {
      for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) log.text += part;
    })().catch(() => {});
    return new Running(child, log);
  }

  signal(name: Deno.Signal): void {
    this.child.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGCONT");
    this.child.kill("SIGTERM");
    await this.child.status;
  }
}

function asked([path = "", ...args]: string[]): string {
  const { stdout, stderr } = new Deno.Command(path, { args }).outputSync();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

/** What a sender in a place says, against a reflector in Python in the same place. */
async function sender(wrap: string[]): Promise<Result["stamp"] & { own: number | null; ms: number }> {
  await using reflector = await PythonPeer.reflector("127.0.0.1", {}, wrap);
  const from = performance.now();
  const child = drive({ plugin: "stamp", args: ARGS, target: "127.0.0.1", port: reflector.port, wrap });
  const { result } = await drivenRow<Result>(child);
  return { ...result.stamp, own: result.one_way_record.own_error_ns, ms: performance.now() - from };
}

/** What a reflector in the far end of a link claims. */
async function claimed(
  link: Veth,
  wrap: string[],
): Promise<{ source: number | undefined; far: number | null }> {
  const reflector = drive({
    plugin: "stamp_reflector",
    target: "",
    port: 0,
    args: `ip=${link.farAddress},port=862`,
    seconds: 6,
    wrap,
  });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const args = `${ARGS},size=100,timestamp_info=1`;
  const { result } = await drivenRow<Result>(
    drive({ plugin: "stamp", args, target: link.farAddress, port: 862 }),
  );
  await reflector.output();
  return { source: result.stamp.sync_source_in, far: result.one_way_record.far_error_ns };
}

/** A chronyd for each end of a link; the far one follows the near one, and thinks it off by {@linkcode OFFSET_NS}. */
async function withChrony(
  command: { line: string; wrap: (link: Veth) => string[]; ipv6?: boolean },
  work: (link: Veth, far: Running) => Promise<void>,
): Promise<void> {
  using link = Veth.make("q");
  assert.ok(link !== null);
  const folder = await Deno.makeTempDir({ prefix: "ipbench-test-" });
  try {
    const [near, options] = command.ipv6 ? ["fd99::1", ["-6"]] : [link.nearAddress, []];
    if (command.ipv6) {
      for (
        const [wrap, address, iface] of [[[], near, link.near], [link.wrap, "fd99::2", link.far]] as const
      ) {
        asked([...wrap, "ip", "-6", "addr", "add", `${address}/64`, "dev", iface, "nodad"]);
      }
    }
    const start = async (name: string, lines: string[], wrap: string[]) => {
      await Deno.writeTextFile(
        `${folder}/${name}.conf`,
        [...lines, `pidfile ${folder}/${name}.pid`, ""].join("\n"),
      );
      return Running.start([
        ...wrap,
        "chronyd",
        "-x",
        "-d",
        "-U",
        "-u",
        "root",
        ...options,
        "-f",
        `${folder}/${name}.conf`,
      ]);
    };
    await using _near = await start("near", [
      ...["local stratum 1", "allow", `bindaddress ${near}`, "cmdport 0", "bindcmdaddress /"],
    ], []);
    await using far = await start("far", [
      `server ${near} iburst minpoll 0 maxpoll 0 offset ${OFFSET_NS / 1e9}`,
      command.line,
    ], command.wrap(link));
    await work(link, far);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Offset, root delay and root dispersion added up, as chronyc tells them, in ns; `null`: nobody is followed. */
function byChronyc(wrap: string[]): number | null {
  const fields = asked([...wrap, "chronyc", "-c", "tracking"]).trim().split(",");
  if (fields.length < 14 || fields[13] !== "Normal" || fields[0] === "7F7F0101") return null;
  return 1e9 * (Math.abs(Number(fields[4])) + Number(fields[10]) / 2 + Number(fields[11]));
}

/** Waits until chronyd's bound is steady: its first samples are few, and it goes up and down with each. */
async function settled(wrap: string[]): Promise<void> {
  let latest: number | null = null;
  await until("chronyd has settled", SYNC_WITHIN_MS, async () => {
    const earlier = latest;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    latest = byChronyc(wrap);
    return earlier !== null && latest !== null && Math.abs(latest - earlier) < 0.01 * earlier;
  });
}

const noChrony = !hasNamespaces() || !isInstalled("chronyd") || !isInstalled("python3");

Deno.test({
  name: "the clock's error is chronyd's, over UDP, against chronyc (chronyd, python3)",
  ignore: noChrony,
  fn: () =>
    withChrony({ line: "bindcmdaddress /", wrap: (link) => link.wrap }, async (link, far) => {
      const wrap = link.wrap;
      await settled(wrap);
      /** Between what chronyc said before and after it. */
      const isBetween = async <T>(work: () => Promise<T>, errorOf: (found: T) => number, over = 1) => {
        const before = byChronyc(wrap)!;
        const found = await work();
        const [least, most] = [before, byChronyc(wrap)!].toSorted((a, b) => a - b);
        assert.ok(least! >= 0.9 * OFFSET_NS, `${least}`);
        const error = errorOf(found);
        assert.ok(error >= 0.98 * least! && error <= 1.02 * over * most!, `${least} <= ${error} <= ${most}`);
        return found;
      };
      const { own, ...stamp } = await isBetween(() => sender(wrap), (found) => found.clock_error_ns);
      assert.deepEqual([stamp.clock_by, stamp.synchronized], ["chrony", true]);
      assert.ok(own! >= stamp.clock_error_ns && own! <= 1.1 * stamp.clock_error_ns, `${own}`);
      // The error estimate has 8 bits, rounded up.
      const { source } = await isBetween(() => claimed(link, wrap), ({ far: claim }) => claim!, 1 + 1 / 128);
      assert.equal(source, NTP);
      far.signal("SIGSTOP");
      const silent = await sender(wrap);
      assert.equal(silent.clock_by, "kernel", "nobody waits for one that is silent");
      assert.ok(silent.ms < stamp.ms + 3_000, `${silent.ms} ms`);
    }),
});

Deno.test({
  name: "the clock's error is chronyd's, over IPv6 alone (chronyd, python3)",
  ignore: noChrony,
  fn: () =>
    withChrony({ line: "bindcmdaddress /", wrap: (link) => link.wrap, ipv6: true }, async (link) => {
      await until("chronyd follows", SYNC_WITHIN_MS, () => byChronyc([...link.wrap]) !== null);
      const stamp = await sender(link.wrap);
      assert.deepEqual([stamp.clock_by, stamp.synchronized], ["chrony", true]);
    }),
});

Deno.test({
  name: "the clock's error is chronyd's, over its Unix socket, where UDP is off (chronyd, python3)",
  ignore: noChrony,
  async fn() {
    const own = 'mount -t tmpfs none /run && mkdir -m 750 /run/chrony && exec "$@"';
    const lines = "cmdport 0\nbindcmdaddress /run/chrony/chronyd.sock";
    const inside = (link: Veth) => [...link.wrap, "unshare", "-m", "sh", "-c", own, "sh"];
    await withChrony({ line: lines, wrap: inside }, async (_link, far) => {
      const wrap = ["nsenter", "-t", `${far.pid}`, "-m", "-n"];
      await settled(wrap);
      const { clock_by, synchronized, clock_error_ns } = await sender(wrap);
      assert.deepEqual([clock_by, synchronized], ["chrony", true]);
      assert.ok(clock_error_ns >= 0.9 * OFFSET_NS && clock_error_ns <= 1.5 * OFFSET_NS, `${clock_error_ns}`);
      assert.equal(
        asked([...wrap, "ls", "/run/chrony"]).includes("ipbench"),
        false,
        "its own socket is gone",
      );
    });
  },
});

Deno.test({
  name: "the clock's error is ptp4l's, against pmc (ptp4l, python3)",
  ignore: !hasNamespaces() || !isInstalled("ptp4l") || !isInstalled("python3"),
  async fn() {
    using link = Veth.make("r");
    assert.ok(link !== null);
    const ptp4l = (wrap: string[], iface: string, ...args: string[]) =>
      Running.start([
        ...[...wrap, "unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh"],
        ...["ptp4l", "-i", iface, "-S", "--free_running", "1", "--clockAccuracy", "0x21", ...args],
      ]);
    await using _master = ptp4l([], link.near, "--priority1", "10");
    await using slave = ptp4l(link.wrap, link.far, "-s");
    const wrap = ["nsenter", "-t", `${slave.pid}`, "-m", "-n"];
    const byPmc = () => {
      const text = asked([...wrap, "pmc", "-u", "-b", "0", "GET CURRENT_DATA_SET", "GET TIME_STATUS_NP"]);
      const figure = (name: string) => Number(new RegExp(`${name}\\s+(-?[\\d.]+)`).exec(text)?.[1] ?? NaN);
      return {
        offset: figure("offsetFromMaster"),
        path: figure("meanPathDelay"),
        ingress: figure("ingress_time"),
      };
    };
    await until("ptp4l follows", SYNC_WITHIN_MS, () => byPmc().path > 0);
    let matched = 0;
    for (let attempt = 0; attempt < 8 && matched < 2; attempt++) {
      const before = byPmc();
      const stamp = await sender(wrap);
      assert.deepEqual([stamp.clock_by, stamp.synchronized], ["ptp4l", true]);
      assert.ok(stamp.clock_error_ns >= before.path / 2, `${stamp.clock_error_ns}`);
      // The clock is asked when the sender begins; another Sync may have come meanwhile.
      const again = byPmc();
      for (const { offset, path } of [before, again]) {
        const rest = stamp.clock_error_ns - Math.abs(offset) - path - 100;
        if (rest >= 0 && rest < 30_000) matched++;
      }
    }
    assert.ok(matched >= 2, "offset, path and accuracy added up");
    const { source, far } = await claimed(link, wrap);
    assert.equal(source, PTP);
    assert.ok(far! > 0 && far! < 5e6, `${far}`);
    slave.signal("SIGSTOP");
    assert.equal((await sender(wrap)).clock_by, "kernel");
  },
});
