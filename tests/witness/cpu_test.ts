/**
 * The CPU meters against what the kernel counts: the burners' own time on their processors, /proc/stat, and the control
 * group of a program that uses half of one.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { TargetResult } from "../../results/document/document.ts";
import { Burner, type KernelCounts, whileCounting } from "../fixtures/network/kernel_counts.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { near, within } from "../fixtures/samples.ts";
import { isInstalled, TestDaemon } from "../util/mod.ts";

const ignore = !isInstalled("python3") || !isInstalled("lscpu");

const SECONDS = 2;
const BURNT_CPU = 0;
const SCHED_IDLE = 5;
/** What the meter calls use and the kernel the burner's own time: interrupts, and what a hypervisor took. In percent. */
const INTERRUPTS = 10;
/** Readings are 5 ms apart, at either end of the window. In percent. */
const READING = 100 * 2 * 0.005 / SECONDS;
/** /proc/stat counts ticks of 10 ms; each of two differences of two readings may be two off. In percent. */
const TICKS = 100 * 4 * 0.01 / SECONDS;

/** Runs one meter while a program uses half of a processor. */
async function metered(
  test: string,
): Promise<{ target: TargetResult; counts: KernelCounts; group: boolean }> {
  await using tester = await TestDaemon.start();
  await using target = await TestDaemon.start({ role: "target" });
  await using burner = await Burner.start(BURNT_CPU);
  const [{ document, stderr }, counts] = await whileCounting(target.pid, () =>
    runConfig({
      test: "dummy",
      args: `seconds=${SECONDS}`,
      clients: [{ host: tester.host, port: tester.port }],
      targets: [{ test, host: target.host, port: target.port }],
    }), burner.usage);
  assert.equal(document.run.failed, undefined, stderr);
  return { target: document.targets[0]!, counts, group: burner.usage !== undefined };
}

function check({ target, counts, group }: Awaited<ReturnType<typeof metered>>): Record<string, number> {
  const figures = Object.fromEntries(target.metrics.map(({ name, value }) => [name, value]));
  const { start_ns, end_ns } = target.window!, length = end_ns - start_ns;
  near(figures["window"]! * 1e9, length, 1e6 + 2 * target.clock!.error_ns, "window");
  const cpus = Number(new TextDecoder().decode(new Deno.Command("nproc").outputSync().stdout));
  assert.deepEqual([figures["cpus"], figures["cpus_online"]], [cpus, cpus]);
  let sum = 0;
  for (let cpu = 0; cpu < cpus; cpu++) {
    const burner = counts.tasks.find((task) => task.policy === SCHED_IDLE && task.cpu === cpu)!;
    const use = figures[`cpu${cpu}_use`]!, away = 100 * (1 - burner.onNs.between(start_ns, end_ns) / length);
    within(use, away - READING, away + READING + INTERRUPTS, `cpu${cpu}_use`);
    const shares = counts.shares(`cpu${cpu}`, start_ns, end_ns);
    for (const [kind, share] of Object.entries(shares)) {
      near(figures[`cpu${cpu}_${kind}`], 100 * share, TICKS, `cpu${cpu}_${kind}`);
    }
    sum += use;
  }
  near(figures["cpu_use"], sum / cpus, 1e-6, "cpu_use");
  for (const [kind, share] of Object.entries(counts.shares("cpu", start_ns, end_ns))) {
    near(figures[`cpu_${kind}`], 100 * share, TICKS, `cpu_${kind}`);
  }
  if (group) {
    const used = 100 * counts.groupNs.between(start_ns, end_ns) / length;
    assert.ok(used > 1, `the burner used ${used} %`);
    within(
      figures[`cpu${BURNT_CPU}_use`],
      used - READING,
      100,
      `use of a processor of which one program had ${used} %`,
    );
  }
  return figures;
}

Deno.test({ name: "cpu_target against the kernel's counts (python3)", ignore }, async () => {
  const run = await metered("cpu_target");
  const figures = check(run);
  const each = Object.keys(figures).filter((name) => /^cpu\d+_use$/.test(name))
    .map((name) => `CPU${name.slice(3, -4)}: ${figures[name]!.toFixed(1)}`);
  assert.equal(run.target.text!.trim(), [figures["cpu_use"]!.toFixed(1), ...each].join());
});

Deno.test({ name: "cpu_target_lukem against the kernel's counts (python3)", ignore }, async () => {
  const run = await metered("cpu_target_lukem");
  const figures = check(run);
  const idle = 100 * figures["idle_cycles"]! / figures["total_cycles"]!;
  near(figures["cpu_use"], 100 - idle, 1e-6, "cpu_use");
  assert.equal(run.target.text!.trim(), figures["cpu_use"]!.toFixed(1));
  // The kernel's own measure of the time stamp counter is half its "bogomips".
  const mips = Number(
    /BogoMIPS:\s*([\d.]+)/.exec(
      new TextDecoder().decode(new Deno.Command("lscpu", { env: { LC_ALL: "C" } }).outputSync().stdout),
    )?.[1],
  );
  const hz = figures["total_cycles"]! / figures["cpus"]! / figures["window"]!;
  near(hz, mips / 2 * 1e6, 0.01 * hz, "cycles a second");
});
