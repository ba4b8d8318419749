/**
 * The measurement engine as a process: exact counts at 50,000 packets a second against an echo that spoils known
 * numbers of packets, over UDP and over raw Ethernet, and a tester that is stopped in the middle of its measurement.
 *
 * @module
 */
import assert from "node:assert/strict";
import { drive, type DrivenResult, drivenRow } from "../fixtures/driven.ts";
import { type EchoCounts, FaultyEcho } from "../fixtures/peers/faulty_echo.ts";
import { allProcesses, hasNamespaces } from "../util/mod.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const DRIVE = `${ROOT}build/drive`;
const ECHO = `${ROOT}build/fixtures/fault_echo`;
const WITNESS = `${ROOT}build/fixtures/witness`;
const FAULTS = "drop,duplicate,twice,delay,reorder,corrupt,truncate,alien,short-alien,stump";
const EVERY = 20;

/** `tester`: its number among those of one run. */
function driven(
  target: string,
  port: number,
  args: string,
  plugin = "latency",
  tester = 0,
): Deno.ChildProcess {
  return drive({ target, port, args, plugin, tester });
}

async function resultOf(child: Deno.ChildProcess): Promise<DrivenResult> {
  return (await drivenRow(child)).result;
}

/** How many of some packets get each fault: the echo spoils in a fixed order. */
function faultsOf(first: number, count: number): (name: string) => number {
  const names = FAULTS.split(","), counts = new Map<string, number>();
  for (let i = first; i < first + count; i++) {
    if ((i + 1) % EVERY !== 0) continue;
    const name = names[Math.floor(i / EVERY) % names.length] ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return (name) => counts.get(name) ?? 0;
}

function compare(result: DrivenResult, echo: EchoCounts): void {
  assert.equal(echo["overflow"], 0, "the echo's own socket dropped packets: this run says nothing");
  const { sent, ok, lost, late, corrupt, duplicate, reordered } = result.counts;
  const n = faultsOf(result.engine.first_packet, sent ?? 0); // the echo has counted all phases
  assert.deepEqual(
    { lost, late, corrupt, duplicate, reordered, stray: result.engine.stray },
    {
      lost: n("drop"),
      late: n("delay"),
      corrupt: n("corrupt") + n("truncate") + n("stump"),
      duplicate: n("duplicate") + n("twice"),
      reordered: n("reorder"),
      stray: (echo["alien"] ?? 0) + (echo["short-alien"] ?? 0),
    },
  );
  assert.equal(sent, (ok ?? 0) + (lost ?? 0) + (late ?? 0) + (corrupt ?? 0));
  assert.ok((lost ?? 0) > 100, "there was something to count");
}

/** A crowded machine drops packets in its own queues; such a run compares nothing and is made again. */
async function exactly(attempt: () => Promise<[DrivenResult, EchoCounts]>): Promise<DrivenResult> {
  for (let left = 5;; left--) {
    const [result, echo] = await attempt();
    const dropped = echo["overflow"] !== 0 || echo["send_failures"] !== 0 ||
      result.engine.all_packets !== echo["packets"] ||
      // A tester that stands still sends nothing that could overtake.
      echo["reorder"] !== faultsOf(0, result.engine.all_packets)("reorder") ||
      result.reasons.some((reason) => ["receive-drops", "host-receive-errors"].includes(reason.code));
    if (dropped && left > 1) continue;
    compare(result, echo);
    return result;
  }
}

const EXACT = "bps=25.6M,size=64,duration=1,warmup=0.3,cooldown=0.3,drain=1,late=1";
const ECHO_ARGS = ["--every", String(EVERY), "--faults", FAULTS, "--delay-ms", "1500"];

for (const engine of ["socket", "mmsg", "gso"]) {
  Deno.test(`counts equal the echo's exactly at 50,000 packets/s over UDP (${engine})`, async () => {
    const result = await exactly(async () => {
      const echo = await FaultyEcho.start(ECHO_ARGS);
      return [
        await resultOf(driven("127.0.0.1", echo.port, `socktype=udp,engine=${engine},${EXACT}`)),
        await echo.end(),
      ];
    });
    assert.equal(result.engine.chosen, engine);
  });
}

for (
  const [every, faults, wrong] of [
    ["7", "spoil", "every seventh"],
    ["7", "spoil,stump", "every seventh, every other of them cut to four bytes"],
    ["0", "spoil", "none"],
  ] as const
) {
  Deno.test(`Bad_Packets counts what latency-check's echo spoilt: ${wrong}`, async () => {
    const echo = await FaultyEcho.start(["--check", "--every", every, "--faults", faults]);
    const args = `socktype=udp,bps=2M,size=64,duration=1,warmup=0,cooldown=0,noise=0`;
    const { row, result } = await drivenRow(driven("127.0.0.1", echo.port, args, "latency-check"));
    const counts = await echo.end();
    assert.equal(row.length, 10);
    const cut = counts["stump"] ?? 0, bad = (counts["spoil"] ?? 0) + cut;
    assert.equal(Number(row[9]), bad);
    assert.equal(result.counts["ok"], (counts["packets"] ?? 0) - cut);
    assert.equal(result.counts["corrupt"], cut);
    assert.equal(bad > 500, every === "7");
    assert.equal(cut > 200, faults === "spoil,stump");
  });
}

Deno.test("Bad_Packets counts every reply of an echo that does not add one", async () => {
  const echo = await FaultyEcho.start(["--every", "0"]);
  const args = "socktype=udp,bps=2M,size=64,duration=1,warmup=0,cooldown=0,noise=0";
  const { row, result } = await drivenRow(driven("127.0.0.1", echo.port, args, "latency-check"));
  await echo.end();
  assert.equal(Number(row[9]), result.counts["ok"]);
  assert.ok((result.counts["ok"] ?? 0) > 1000);
});

async function ip(...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command("ip", { args, stdout: "null", stderr: "null" }).output();
  return success;
}

const rawTest = "counts equal the echo's exactly at 50,000 frames/s over raw Ethernet";
Deno.test({ name: rawTest, ignore: !hasNamespaces() }, async (t) => {
  const space = `ipbeng${Deno.pid}`, near = `ve${Deno.pid}a`, far = `ve${Deno.pid}b`;
  try {
    assert.ok(await ip("netns", "add", space));
    assert.ok(await ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", space));
    assert.ok(await ip("link", "set", near, "up"));
    assert.ok(await ip("-n", space, "link", "set", far, "up"));
    const { stdout } = await new Deno.Command("ip", {
      args: ["netns", "exec", space, "cat", `/sys/class/net/${far}/address`],
    }).output();
    const mac = new TextDecoder().decode(stdout).trim();
    for (const engine of ["socket", "mmsg", "ring", "xdp"]) {
      await t.step(engine, async () => {
        const args = `socktype=raw,iface=${near},engine=${engine},rcvbuf=64Mi,${EXACT}`;
        const result = await exactly(async () => {
          const echo = await FaultyEcho.start(["--raw", far, ...ECHO_ARGS], ["ip", "netns", "exec", space]);
          return [await resultOf(driven(mac, 0, args)), await echo.end()];
        });
        assert.equal(result.engine.chosen, engine);
      });
    }
    await t.step("two runs on one interface do not disturb each other, whole or cut", async () => {
      const args = `socktype=raw,iface=${near},rcvbuf=64Mi,bps=2.56M,size=64,duration=1,warmup=0,cooldown=0`;
      const echo = await FaultyEcho.start(["--raw", far, "--every", "5", "--faults", "truncate,stump"], [
        "ip",
        "netns",
        "exec",
        space,
      ]);
      const runs = await Promise.all(
        [0, 1].map((tester) => resultOf(driven(mac, 0, `${args},noise=0`, "latency", tester))),
      );
      const spoilt = await echo.end();
      const sum = (key: keyof DrivenResult["counts"]) =>
        runs.reduce((all, { counts }) => all + counts[key], 0);
      assert.equal(sum("sent"), spoilt["packets"]);
      assert.deepEqual(
        { corrupt: sum("corrupt"), lost: sum("lost"), duplicate: sum("duplicate") },
        { corrupt: (spoilt["truncate"] ?? 0) + (spoilt["stump"] ?? 0), lost: 0, duplicate: 0 },
      );
      assert.ok(runs.every(({ engine }) => engine.stray > 1000));
    });
    await t.step("what the ring dropped after the last frame that came in is seen", async () => {
      // All answers come 400 ms late, so that more of them are under way than the ring holds when the tester stops; when
      // it goes on, the time for sending is over, and no frame comes in that would tell of the others. A crowded machine
      // starts the tester too late for that, sometimes.
      const args =
        `socktype=raw,iface=${near},engine=ring,bps=25.6M,size=64,duration=2,warmup=0,cooldown=0,noise=0`;
      let drops = 0;
      for (let left = 4; left > 0 && drops < 1000; left--) {
        const echo = await FaultyEcho.start([
          "--raw",
          far,
          "--every",
          "1",
          "--faults",
          "delay",
          "--delay-ms",
          "400",
        ], [
          "ip",
          "netns",
          "exec",
          space,
        ]);
        drops = (await stoppedRun(mac, 0, args, 1500, 3000)).engine.receive_queue_drops;
        await echo.end();
      }
      assert.ok(drops >= 1000, `${drops} drops`);
    });
  } finally {
    await ip("link", "del", near);
    await ip("netns", "del", space);
  }
});

Deno.test("a tester stopped for half a second shows it in the response time and in the verdict, not in the service time", async () => {
  const echo = await FaultyEcho.start(["--every", "0"]);
  const args = "socktype=udp,bps=1.024M,size=64,duration=3,warmup=0.5,cooldown=0.2,noise=0";
  const seen: string[] = [];
  // Other programs' time slices delay replies, too: a crowded machine gets more pairs.
  for (let left = 5; left > 0; left--) {
    const quiet = await resultOf(driven("127.0.0.1", echo.port, args));
    const stopped = await stoppedRun("127.0.0.1", echo.port, args, 1500, 500);
    const { response, service } = stopped.latency;
    assert.ok(response.p99_ns >= 400e6, `response p99 ${response.p99_ns} ns`);
    const codes = stopped.reasons.map((reason) => reason.code);
    assert.ok(codes.includes("send-lateness") && codes.includes("scheduling-gaps"), codes.join());
    seen.push(`${service.p99_ns} ns after ${quiet.latency.service.p99_ns} ns`);
    if (service.p99_ns <= 3 * quiet.latency.service.p99_ns) break;
    assert.ok(
      left > 1,
      `service p99 of the stopped run is more than three times the quiet one's: ${seen.join("; ")}`,
    );
  }
  await echo.end();
});

/** A run whose tester is stopped for a while, `afterMs` after it was started. */
async function stoppedRun(
  target: string,
  port: number,
  args: string,
  afterMs: number,
  stoppedMs: number,
): Promise<DrivenResult> {
  const child = driven(target, port, args);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, stoppedMs));
  child.kill("SIGCONT");
  return await resultOf(child);
}

const VERDICT_ARGS = "socktype=udp,size=64,bps=2.56M,duration=1,warmup=0.2,cooldown=0,noise=0,cpu=0";
const QUIET_RUNS = 5;
/** Hundredths of a second that others may use during a run that counts as quiet. */
const QUIET_TICKS = 2;
/** How long the witness may see processor 0 away during one; 10 ms of gaps make a run SUSPECT, and it sees about half. */
const QUIET_AWAY_NS = 3_000_000;

/** What others took of the processors' time until now, in ticks: the hypervisor, and every process but these. */
function othersTicks(own: readonly string[]): number {
  const stolen = Number(/^cpu .*$/m.exec(Deno.readTextFileSync("/proc/stat"))?.[0].split(/ +/)[8]);
  const others = allProcesses().filter(({ command }) => !own.some((path) => command.startsWith(path)));
  return others.reduce((sum, { ticks }) => sum + ticks, stolen);
}

/**
 * Runs while a program of real-time priority watches processor 0.
 *
 * @returns what came out, and how long the processor was away, in ns; 0 where real-time priority is not to be had
 */
async function watched<T>(once: () => Promise<T>): Promise<[T, number]> {
  const witness = new Deno.Command(WITNESS, { args: ["0"], stdout: "piped", stderr: "null" }).spawn();
  const output = witness.output();
  let value: T;
  try {
    value = await once();
  } finally {
    try {
      witness.kill("SIGTERM");
    } catch {
      // It has ended: it could not have the priority.
    }
    await output;
  }
  return [value, Number(new TextDecoder().decode((await output).stdout).split(" ")[0])];
}

/** Runs that the machine left alone, by the kernel's accounts and a witness, out of twice as many at most. */
async function quietRuns(once: () => Promise<string[]>): Promise<string[][]> {
  const quiet: string[][] = [];
  for (let left = 2 * QUIET_RUNS; left > 0 && quiet.length < QUIET_RUNS; left--) {
    const before = othersTicks([DRIVE, ECHO, WITNESS]);
    const [codes, awayNs] = await watched(once);
    if (Math.abs(othersTicks([DRIVE, ECHO, WITNESS]) - before) <= QUIET_TICKS && awayNs <= QUIET_AWAY_NS) {
      quiet.push(codes);
    }
  }
  return quiet;
}

Deno.test("a burner on the tester's processor flips the verdict; without it a quiet run is VALID", async (t) => {
  const echo = await FaultyEcho.start(["--every", "0"]);
  const once = async () =>
    (await resultOf(driven("127.0.0.1", echo.port, VERDICT_ARGS))).reasons.map((reason) => reason.code);
  const quiet = await quietRuns(once);
  const burner = new Deno.Command("taskset", { args: ["-c", "0", "sh", "-c", "while :; do :; done"] })
    .spawn();
  const burnt: string[][] = [];
  try {
    for (let i = 0; i < QUIET_RUNS; i++) burnt.push(await once());
  } finally {
    burner.kill("SIGKILL");
    await burner.status;
    await echo.end();
  }
  for (const codes of burnt) {
    assert.ok(
      codes.includes("send-lateness") || codes.includes("scheduling-gaps"),
      `burnt: ${JSON.stringify(burnt)}`,
    );
  }
  assert.deepEqual(quiet.flat(), [], `quiet runs had reasons: ${JSON.stringify(quiet)}`);
  // On a machine that never leaves it alone, there is nothing to assert.
  await t.step({
    name: `${QUIET_RUNS} of ${QUIET_RUNS} quiet runs are VALID (${quiet.length} runs were quiet)`,
    ignore: quiet.length < QUIET_RUNS,
    fn: () => assert.deepEqual(quiet, Array(QUIET_RUNS).fill([])),
  });
});
