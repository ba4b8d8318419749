/**
 * Who fails × how × when: whatever breaks, the run ends in time, names the culprit, leaves no process and no taken slot.
 */
import assert from "node:assert/strict";
import { EchoProcess } from "./fixtures/echo_process.ts";
import { type Fault, FaultProxy, type Moment, MOMENTS } from "./fixtures/fault_proxy.ts";
import { runConfig, type RunOutcome } from "./fixtures/run_config.ts";
import { assertNoneLeft, childrenOf, kill, markedProcesses, TestDaemon } from "./util/mod.ts";

type Victim = "controller" | "tester" | "tester child" | "target" | "target child" | "echo";
type Cell =
  | { link: "tester" | "target"; fault: Exclude<Fault, "none">; moment: Moment }
  | { victim: Victim; signal: "SIGKILL" | "SIGSTOP"; moment: Moment };

/** `--timeout` of the runs: the stated deadline of each step. */
const TIMEOUT_S = 3;
/**
 * From the fault to the end of the controller: the rest of the run up to the step that misses its deadline, that
 * deadline (where answers come slowly, several), and five seconds to end everything.
 */
const ENDS_WITHIN_MS = (3 * TIMEOUT_S + 5) * 1000;
const WARMUP_MS = 150, MEASURED_MS = 500;
const ARGS = "socktype=udp,bps=1000000,size=125,samples=400,warmup=0.3,cooldown=0.1";
/** Cells that run at the same time. */
const STATIONS = 3;

const NETWORK_CELLS: Cell[] = (["tester", "target"] as const).flatMap((link) =>
  (["reset", "silent", "slow", "rubbish"] as const).flatMap((fault) =>
    MOMENTS.filter((moment) => link === "tester" || moment !== "warmup")
      .map((moment) => ({ link, fault, moment }))
  )
);
const PROCESS_CELLS: Cell[] = (["SIGKILL", "SIGSTOP"] as const).flatMap((signal) =>
  (["controller", "tester", "tester child", "target", "target child", "echo"] as const).flatMap((victim) =>
    (["HELLO", "LOAD", "SETUP", "waiting", "warmup", "measured", "transfer"] as const)
      .filter((moment) => signal === "SIGKILL" || victim === "echo" || !["LOAD", "warmup"].includes(moment))
      // The echo takes part in nothing before the warm-up, and its end shows in the measured phase at the latest.
      .filter((moment) => victim !== "echo" || moment === "warmup" || moment === "measured")
      .map((moment) => ({ victim, signal, moment }))
  )
);

/** Two testers, a target and an echo of its own, so that stations do not disturb each other. */
class Station {
  first!: TestDaemon;
  second!: TestDaemon;
  target!: TestDaemon;
  echo!: EchoProcess;

  async ready(): Promise<void> {
    if (!(this.first?.alive ?? false)) this.first = await TestDaemon.start();
    if (!(this.second?.alive ?? false)) this.second = await TestDaemon.start({ ip: "127.0.0.2" });
    if (!(this.target?.alive ?? false)) this.target = await TestDaemon.start({ role: "target" });
    if (this.echo === undefined) this.echo = await EchoProcess.start();
  }

  async renewEcho(): Promise<void> {
    await this.echo[Symbol.asyncDispose]();
    this.echo = await EchoProcess.start();
  }

  async close(): Promise<void> {
    for (const daemon of [this.first, this.second, this.target]) await daemon?.[Symbol.asyncDispose]();
    await this.echo?.[Symbol.asyncDispose]();
  }
}

function nameOf(cell: Cell): string {
  return "link" in cell
    ? `network to the ${cell.link}: ${cell.fault} at ${cell.moment}`
    : `${cell.victim}: ${cell.signal} at ${cell.moment}`;
}

/** The run ended, of another cause, before the fault could be injected: on a machine that is too busy for its steps. */
class MomentNeverCame extends Error {}

/** Runs one cell and gives what was wrong, `null` when nothing was. */
async function tryCell(station: Station, cell: Cell, attempts = 3): Promise<string | null> {
  try {
    await station.ready();
    await runCell(station, cell);
    return null;
  } catch (error) {
    if (error instanceof MomentNeverCame && attempts > 1) return await tryCell(station, cell, attempts - 1);
    return `${nameOf(cell)}: ${error instanceof Error ? error.message : error}`;
  }
}

async function runCell(station: Station, cell: Cell): Promise<void> {
  const mark = crypto.randomUUID();
  await breakRun(station, cell, mark);
  // The network is whole again: what was cut off may go on or find out that it is alone.
  await afterwards(station, cell, mark);
}

async function breakRun(station: Station, cell: Cell, mark: string): Promise<void> {
  const { first, second, target, echo } = station;
  const link = "link" in cell ? cell.link : "tester";
  const stopped: number[] = [];
  const plan = {
    moment: cell.moment,
    fault: "link" in cell ? cell.fault : "none" as const,
    warmupMs: WARMUP_MS,
    measuredMs: MEASURED_MS,
    onMoment: () => {
      if ("link" in cell) return;
      for (const pid of victims(station, cell.victim, mark)) {
        kill(pid, cell.signal);
        if (cell.signal === "SIGSTOP") stopped.push(pid);
      }
      if (cell.victim === "controller" && cell.signal === "SIGSTOP") {
        setTimeout(() => stopped.forEach((pid) => kill(pid, "SIGCONT")), (TIMEOUT_S + 1) * 1000);
      }
    },
  };
  await using proxy = await FaultProxy.start(link === "tester" ? first : target, plan);
  const port = (
    daemon: TestDaemon,
  ) => (daemon === (link === "tester" ? first : target) ? proxy.port : daemon.port);
  let outcome: RunOutcome | null = null;
  let failure: unknown = null;
  try {
    outcome = await runConfig(
      {
        test: "latency",
        args: ARGS,
        testPort: echo.port,
        clients: [{ host: "127.0.0.1", port: port(first) }, { host: "127.0.0.2", port: second.port }],
        targets: [{ test: "dummy_target", host: "127.0.0.1", port: port(target) }],
      },
      ["--timeout", String(TIMEOUT_S)],
      {
        env: { IPBENCH_TEST_MARK: mark },
        deadlineMs: 60_000,
      },
    );
  } catch (error) {
    failure = error;
  }
  const endedAt = performance.now();
  for (const pid of stopped) kill(pid, "SIGCONT");
  if (proxy.brokeAt === null) {
    throw new MomentNeverCame(`the moment never came: ${failure ?? outcome?.stderr}`);
  }
  const tookMs = endedAt - proxy.brokeAt;
  if ("victim" in cell && cell.victim === "controller") {
    checkControllerCell(cell, outcome);
  } else {
    if (outcome === null) throw failure;
    if ("victim" in cell && cell.victim === "echo" && outcome.code === 0) {
      await station.renewEcho();
      throw new MomentNeverCame("the round trips were all in before the echo was struck");
    }
    checkCell(cell, outcome, tookMs, { tester: `:${port(first)}`, target: `:${port(target)}` });
  }
}

function victims(station: Station, victim: Victim, mark: string): number[] {
  switch (victim) {
    case "controller": {
      const own = markedProcesses(`IPBENCH_TEST_MARK=${mark}`);
      return own.filter(({ parent }) => !own.some(({ pid }) => pid === parent)).map(({ pid }) => pid);
    }
    case "tester":
      return [station.first.pid];
    case "tester child":
      return station.first.children();
    case "target":
      return [station.target.pid];
    case "target child":
      return station.target.children();
    case "echo":
      return [station.echo.child.pid, ...childrenOf(station.echo.child.pid).map(({ pid }) => pid)];
  }
}

/** A killed controller leaves nothing to read; one that was stopped for too long has to end by itself. */
function checkControllerCell(cell: Extract<Cell, { victim: Victim }>, outcome: RunOutcome | null): void {
  if (cell.signal === "SIGKILL") assert.equal(outcome, null);
  else assert.ok(outcome !== null, "the controller did not end after it was woken");
}

function checkCell(
  cell: Cell,
  outcome: RunOutcome,
  tookMs: number,
  ports: Record<"tester" | "target", string>,
): void {
  const { code, document, stderr } = outcome;
  const said = `exit ${code}, ${document.run.verdict}: ${document.run.reasons.join("; ")} | ${
    stderr.slice(-400)
  }`;
  assert.ok(
    tookMs <= ENDS_WITHIN_MS,
    `ended after ${tookMs.toFixed(0)} ms; ${said}`,
  );
  if (mayStillSucceed(cell) && document.run.failed !== true) return;
  assert.equal(code, 1, said);
  assert.equal(document.run.verdict, "INVALID", said);
  if ("victim" in cell && cell.victim === "echo") return;
  const culprit = "link" in cell ? cell.link : cell.victim.startsWith("tester") ? "tester" : "target";
  const place = ports[culprit];
  assert.equal(document.run.failed, true, said);
  assert.ok(
    document.run.reasons.some((reason) => reason.includes(place)),
    `culprit ${place} not named; ${said}`,
  );
  assert.ok(stderr.includes(place), `culprit ${place} not on stderr; ${said}`);
  const other = culprit === "tester" ? "target" : "tester";
  const blamed = [...document.clients, ...document.targets].filter((part) => part.error !== undefined);
  assert.ok(blamed.every((part) => !`:${part.port}`.includes(ports[other])), `blamed the other too; ${said}`);
}

/** A process that stops for a moment and is woken, or dies when its work is done, need not spoil the run. */
function mayStillSucceed(cell: Cell): boolean {
  if ("link" in cell) return false;
  if (cell.victim.startsWith("target") && cell.signal === "SIGSTOP") return true;
  // A child that dies before the slot is taken is replaced.
  if (cell.moment === "HELLO" && cell.victim.endsWith("child")) return true;
  return cell.moment === "transfer" && cell.victim.startsWith("tester");
}

/** Slots are free, and no process of the controller is left. */
async function afterwards(station: Station, cell: Cell, mark: string): Promise<void> {
  await assertNoneLeft(`IPBENCH_TEST_MARK=${mark}`);
  for (const daemon of [station.first, station.second, station.target]) {
    if (!daemon.alive) await daemon.stop().catch(() => {});
    else await daemon.assertFree(5_000);
  }
  if ("victim" in cell && cell.victim === "echo") await station.renewEcho();
}

async function runMatrix(cells: readonly Cell[]): Promise<void> {
  const waiting = [...cells];
  const wrong: string[] = [];
  await Promise.all(Array.from({ length: STATIONS }, async () => {
    const station = new Station();
    try {
      for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
        const fault = await tryCell(station, cell);
        if (fault !== null) wrong.push(fault);
      }
    } finally {
      await station.close();
    }
  }));
  assert.deepEqual(wrong, [], `${wrong.length} of ${cells.length} cells are wrong:\n${wrong.join("\n")}`);
}

const MATRIX_OPTIONS = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: `fault matrix, network: ${NETWORK_CELLS.length} cells`,
  ...MATRIX_OPTIONS,
  fn: () => runMatrix(NETWORK_CELLS),
});

Deno.test({
  name: `fault matrix, processes: ${PROCESS_CELLS.length} cells`,
  ...MATRIX_OPTIONS,
  fn: () => runMatrix(PROCESS_CELLS),
});
