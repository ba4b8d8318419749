/**
 * A small lab in which one cell of the fault matrix after the other is tried.
 *
 * @module
 */
import { messageOf } from "../../../base/errors.ts";
import { recoverDocument } from "../../../controller/store/save.ts";
import type { ResultDocument } from "../../../results/document/document.ts";
import { EchoProcess } from "../../fixtures/peers/echo_process.ts";
import { FaultProxy, type Moment } from "../../fixtures/peers/fault_proxy.ts";
import { xmlOf } from "../../fixtures/run_config.ts";
import { TcpEcho } from "../../fixtures/peers/tcp_echo.ts";
import {
  assertNoneLeft,
  childrenOf,
  fixturePlugins,
  kill,
  markedProcesses,
  runProgram,
  TestDaemon,
} from "../../util/mod.ts";
import { type Cell, culpritOf, nameOf, needsOne, type Victim } from "./cells.ts";
import { checkCell } from "./checks.ts";
import { DELAYS_MS, TIMEOUT_S } from "./times.ts";

/** What lasts as long as `times.ts` says. */
const LATENCY = {
  name: "latency",
  args: "socktype=udp,bps=1000000,size=125,samples=400,warmup=0.3,cooldown=0.1",
};

/** The run ended, of another cause, before the fault could be injected: on a machine that is too busy for its steps. */
class MomentNeverCame extends Error {}

/** Two testers, a target and an echo of its own, so that stations do not disturb each other. */
export class Station {
  #first!: TestDaemon;
  #second!: TestDaemon;
  #target!: TestDaemon;
  #echo!: EchoProcess;

  /**
   * Runs one cell.
   *
   * @returns what was wrong, `null` when nothing was
   */
  async try(cell: Cell, attempts = 3): Promise<string | null> {
    const mark = crypto.randomUUID();
    try {
      await this.#ready();
      await this.#breakRun(cell, mark);
      // The network is whole again: what was cut off may go on or find out that it is alone.
      await this.#afterwards(cell, mark);
      return null;
    } catch (error) {
      if (error instanceof MomentNeverCame && attempts > 1) return await this.try(cell, attempts - 1);
      return `${nameOf(cell)}: ${messageOf(error)}`;
    }
  }

  /** Ends everything; fails when anything is left. */
  async close(): Promise<void> {
    for (const daemon of [this.#first, this.#second, this.#target]) await daemon?.[Symbol.asyncDispose]();
    await this.#echo?.[Symbol.asyncDispose]();
  }

  async #ready(): Promise<void> {
    const args = ["--plugin-dir", fixturePlugins()];
    if (!(this.#first?.alive ?? false)) this.#first = await TestDaemon.start({ args });
    if (!(this.#second?.alive ?? false)) this.#second = await TestDaemon.start({ args, ip: "127.0.0.2" });
    if (!(this.#target?.alive ?? false)) this.#target = await TestDaemon.start({ args, role: "target" });
    if (this.#echo === undefined) this.#echo = await EchoProcess.start();
  }

  async #renewEcho(): Promise<void> {
    await this.#echo[Symbol.asyncDispose]();
    this.#echo = await EchoProcess.start();
  }

  async #breakRun(cell: Cell, mark: string): Promise<void> {
    const side = culpritOf(cell) ?? "tester";
    const behind = side === "tester" ? this.#first : this.#target;
    const stopped: number[] = [];
    await using tcp = await TcpEcho.start();
    await using proxy = await FaultProxy.start(behind, {
      moment: cell.moment,
      fault: "link" in cell && cell.fault !== "interface down" ? cell.fault : "none",
      side,
      delaysMs: DELAYS_MS,
      onMoment: () => {
        if ("victim" in cell) this.#strike(cell, mark, stopped);
        else if ("echo" in cell) tcp.fail(cell.echo);
      },
    });
    const ports = {
      tester: side === "tester" ? proxy.port : this.#first.port,
      target: side === "target" ? proxy.port : this.#target.port,
    };
    const run = await this.#runController(cell, ports, mark, tcp);
    const endedAt = performance.now();
    for (const pid of stopped) kill(pid, "SIGCONT");
    if (proxy.brokeAt === null) throw new MomentNeverCame(`the moment never came: ${run.stderr}`);
    if (cell.moment === "output" && !run.stderr.includes("printing the result")) {
      throw new MomentNeverCame("the results were not in yet");
    }
    if ("victim" in cell && cell.victim === "echo" && cell.moment === "measured" && run.code === 0) {
      await this.#renewEcho();
      throw new MomentNeverCame("the round trips were all in before the echo was struck");
    }
    checkCell(cell, {
      ...run,
      tookMs: endedAt - proxy.brokeAt,
      ports: { tester: `:${ports.tester}`, target: `:${ports.target}` },
    });
  }

  async #runController(
    cell: Cell,
    ports: Record<"tester" | "target", number>,
    mark: string,
    tcp: TcpEcho,
  ): Promise<{ code: number; stderr: string; document: ResultDocument | null }> {
    const folder = await Deno.makeTempDir({ prefix: "ipbench-matrix-" });
    const json = `${folder}/result.json`;
    const tests = testsFor(cell.moment, culpritOf(cell) === "target");
    try {
      await Deno.writeTextFile(
        `${folder}/run.xml`,
        xmlOf({
          test: tests.client.name,
          args: "echo" in cell
            ? tests.client.args.replace("socktype=udp", "socktype=tcp")
            : tests.client.args,
          testPort: "echo" in cell ? tcp.port : this.#echo.port,
          clients: [{ host: "127.0.0.1", port: ports.tester }, {
            host: "127.0.0.2",
            port: this.#second.port,
            ...tests.second !== undefined && { args: tests.second },
          }],
          targets: [{ test: tests.target, host: "127.0.0.1", port: ports.target }],
        }),
      );
      const { code, stderr } = await runProgram(
        "ipbench",
        [
          ...["run", `${folder}/run.xml`, "--json", json, "--timeout", String(TIMEOUT_S)],
          ...["--plugin-dir", fixturePlugins(), ...needsOne(cell) ? ["--require", "1"] : []],
        ],
        { env: { IPBENCH_TEST_MARK: mark } },
      );
      const left = await recoverDocument(json).catch((error) => {
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      });
      return { code, stderr, document: left?.document ?? null };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  #strike(cell: Extract<Cell, { victim: Victim }>, mark: string, stopped: number[]): void {
    for (const pid of this.#victims(cell.victim, mark)) {
      kill(pid, cell.signal);
      if (cell.signal === "SIGSTOP") stopped.push(pid);
    }
    if (cell.victim === "controller" && cell.signal === "SIGSTOP") {
      setTimeout(() => stopped.forEach((pid) => kill(pid, "SIGCONT")), (TIMEOUT_S + 1) * 1000);
    }
  }

  #victims(victim: Victim, mark: string): number[] {
    switch (victim) {
      case "controller": {
        const own = markedProcesses(`IPBENCH_TEST_MARK=${mark}`);
        return own.filter(({ parent }) => !own.some(({ pid }) => pid === parent)).map(({ pid }) => pid);
      }
      case "tester":
        return [this.#first.pid];
      case "tester child":
        return this.#first.children();
      case "target":
        return [this.#target.pid];
      case "target child":
        return this.#target.children();
      case "echo":
        return [this.#echo.child.pid, ...childrenOf(this.#echo.child.pid).map(({ pid }) => pid)];
    }
  }

  /** Slots are free, and no process of the controller is left. */
  async #afterwards(cell: Cell, mark: string): Promise<void> {
    await assertNoneLeft(`IPBENCH_TEST_MARK=${mark}`);
    for (const daemon of [this.#first, this.#second, this.#target]) {
      if (!daemon.alive) await daemon.stop().catch(() => {});
      else await daemon.assertFree(5_000);
    }
    if ("victim" in cell && cell.victim === "echo") await this.#renewEcho();
  }
}

/** The tests that make a moment long enough to be struck in. */
function testsFor(
  moment: Moment,
  atTarget: boolean,
): { client: { name: string; args: string }; second?: string; target: string } {
  if (moment === "output") return { client: { name: "fault_slow_output", args: "" }, target: "dummy_target" };
  if (moment !== "marshall") return { client: LATENCY, target: "dummy_target" };
  return atTarget
    ? { client: { name: "dummy", args: "seconds=0.1" }, target: "fault_slow_marshall_target" }
    : { client: { name: "fault_slow_marshall", args: "" }, second: "quick", target: "dummy_target" };
}
