/**
 * One cell of the fault matrix with a real link: a tester or the target is in a network namespace, and the interface
 * that leads there goes down.
 *
 * @module
 */
import { recoverDocument } from "../../../controller/store/save.ts";
import { EchoProcess } from "../../fixtures/peers/echo_process.ts";
import { TemporaryFolder } from "../../fixtures/folders.ts";
import { xmlOf } from "../../fixtures/run_config.ts";
import { Veth } from "../../fixtures/network/veth.ts";
import { assertNoneLeft, fixturePlugins, kill, programCommand, TestDaemon, until } from "../../util/mod.ts";
import type { DOWN_CELLS } from "./cells.ts";
import { checkCell } from "./checks.ts";
import { DELAYS_MS, TIMEOUT_S } from "./times.ts";

type DownCell = typeof DOWN_CELLS[number];

/** Bound of a whole run, in ms: its own deadlines are far below. */
const RUN_MS = 40_000;
/** A daemon that is cut off and joined again hears of it when it sends: a keepalive, after 10 s, at the latest. */
const FREE_MS = 20_000;
/** At this rate the large result is under way for about two seconds. */
const TRANSFER_MBIT = 150;

const LATENCY = "socktype=udp,bps=1000000,size=125,samples=400,warmup=0.3,cooldown=0.1";

/** What is run, the command after which the moment comes, and how long after it. */
function planOf({ link, moment }: DownCell) {
  const plain = { test: "dummy", args: "seconds=0.1", second: undefined, target: "dummy_target" };
  const atTester = link === "tester";
  switch (moment) {
    case "SETUP":
      return atTester
        ? { ...plain, test: "fault_hang_setup", args: "", second: "quick", after: "SETUP", delayMs: 100 }
        : { ...plain, target: "fault_hang_setup_target", after: "SETUP", delayMs: 100 };
    case "measured":
      return { ...plain, test: "latency", args: LATENCY, after: "START", delayMs: DELAYS_MS.measured };
    case "transfer":
      return atTester
        ? { ...plain, test: "fault_big_result", args: "", second: "quick", after: "START", delayMs: 400 }
        : { ...plain, target: "fault_big_result_target", after: "STOP", delayMs: 400 };
    default:
      return { ...plain, after: null, delayMs: 0 };
  }
}

/**
 * Runs one cell.
 *
 * @param cell which link goes down, and when
 * @param letter distinguishes the links of one process
 * @throws {Error} when what came of it is not what has to
 */
export async function tryLinkDown(cell: DownCell, letter: string): Promise<void> {
  using link = Veth.make(letter);
  if (link === null) throw new Error("no link could be made");
  const args = ["--plugin-dir", fixturePlugins()];
  const far = { args, ip: null, wrap: link.wrap };
  const atTester = cell.link === "tester";
  await using echo = await EchoProcess.start({ ip: link.nearAddress });
  await using first = await TestDaemon.start(atTester ? far : { args });
  await using second = await TestDaemon.start({ args, ip: "127.0.0.2" });
  await using target = await TestDaemon.start({ ...atTester ? { args } : far, role: "target" });
  using folder = TemporaryFolder.make();
  const plan = planOf(cell);
  const config = folder.write(
    "run.xml",
    xmlOf({
      test: plan.test,
      args: plan.args,
      testPort: echo.port,
      clients: [first, second].map((daemon, n) => ({
        host: daemon === first && atTester ? link.farAddress : daemon.host,
        port: daemon.port,
        testTarget: link.nearAddress,
        ...n === 1 && plan.second !== undefined && { args: plan.second },
      })),
      targets: [{
        test: plan.target,
        host: atTester ? target.host : link.farAddress,
        port: target.port,
      }],
    }),
  );
  if (cell.moment === "transfer") link.limit(TRANSFER_MBIT);
  const run = await runWith(link, plan, config, `${folder.path}/result.json`);
  link.set("up");
  checkCell(cell, { ...run, ports: { tester: `:${first.port}`, target: `:${target.port}` } });
  await assertNoneLeft(run.mark);
  const cutOff = atTester ? first : target;
  for (const daemon of [first, second, target]) {
    if (daemon !== cutOff) await daemon.assertFree(5_000);
  }
  // The first tries may find no route yet.
  const isFree = async () => await cutOff.testPid(link.farAddress).then((pid) => pid === null, () => false);
  await until("the slot of the daemon that was cut off is free", FREE_MS, isFree);
}

/** Runs the controller; the link goes down when the plan says. */
async function runWith(link: Veth, plan: ReturnType<typeof planOf>, config: string, json: string) {
  const command = programCommand("ipbench");
  const mark = crypto.randomUUID();
  let downMs: number | null = null;
  const pull = () => {
    downMs ??= performance.now();
    link.set("down");
  };
  if (plan.after === null) link.set("down");
  const child = new Deno.Command(command.path, {
    args: [
      ...[...command.args, "run", config, "--json", json, "--timeout", String(TIMEOUT_S), "--debug"],
      ...["--plugin-dir", fixturePlugins()],
    ],
    env: { NO_COLOR: "1", IPBENCH_TEST_MARK: mark },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const late = setTimeout(() => kill(child.pid, "SIGKILL"), RUN_MS);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stderr = "";
  for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
    stderr += text;
    if (plan.after === null && stderr.includes("connecting")) downMs ??= performance.now();
    if (plan.after !== null && timer === undefined && stderr.includes(`[send_command] : ${plan.after}`)) {
      timer = setTimeout(pull, plan.delayMs);
    }
  }
  const { code } = await child.status;
  const endedMs = performance.now();
  clearTimeout(late);
  clearTimeout(timer);
  if (downMs === null) throw new Error(`the moment never came: ${stderr}`);
  const { document } = await recoverDocument(json);
  return { code, stderr, document, tookMs: endedMs - downMs, mark: `IPBENCH_TEST_MARK=${mark}` };
}
