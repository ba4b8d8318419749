/**
 * One controller and very many testers: 1,000 simulated ones that have all extensions and answer with the real result of
 * 200,000 round trips, the same with every twentieth dead, and 64 real daemons with the dummy test. Prints a table, and
 * fails with the figure's name when a limit is missed; see bench/README.md.
 *
 * Run with `deno run -A bench/scale.ts [TESTERS]` after a build; 1,000 unless set otherwise. With `join [TESTERS…]` the
 * simulated testers dial in instead: 10, 100, 1,000, 5,000 and 10,000 of them, unless set otherwise.
 *
 * @module
 */
import type { ResultDocument } from "../results/document/document.ts";
import { parseDocument } from "../results/document/parse.ts";
import { xmlOf } from "../tests/fixtures/run_config.ts";
import { isDead, joinSwarm, startSwarm, swarmAddress } from "../tests/fixtures/peers/swarm.ts";
import { realAnswers } from "../tests/fixtures/peers/swarm_answers.ts";
import { freePort, momentOf, type ObservedRun, observeRun, TestDaemon } from "../tests/util/mod.ts";

const JOINS = Deno.args[0] === "join";
const [TESTERS = 1_000, ...MORE_TESTERS] = (JOINS ? Deno.args.slice(1) : Deno.args).map(Number);
const DAEMONS = 64;
const LASTS_MS = 2_000;
const DEAD_EVERY = 20;
/** Reports of progress that a controller wants of all testers together. */
const REPORTS_PER_SECOND = 2_000;

/** What is promised for 1,000 testers. */
const SET_UP_S = 5, COLLECTED_S = 5, CONTROLLER_MB = 200, DEAD_S = 3;

/** What is promised for testers that dial in: from the first connection until all are ready, and as above. */
const JOINED_LIMITS = [
  { testers: 5_000, seconds: 15, megabytes: 300 },
  { testers: 10_000, seconds: 30, megabytes: 500 },
];

/** Figures of one run, in seconds and megabytes. */
interface Figures {
  /** From the program's start to its first connection. */
  starting: number;
  /** From the first connection until all are ready and their clocks compared. */
  setUp: number;
  /** From there to the last tester's beginning; `null`: nobody knows. */
  started: number | null;
  /** From the last tester's end to the finished document. */
  collected: number | null;
  whole: number;
  controllerMb: number;
  childrenMb: number;
  togetherMb: number;
  /** Processor time of the controller, and of this process, which plays the testers. */
  processor: number;
  simulator: number;
}

const missed: string[] = [];

function demand(what: string, is: number, most: number, unit: string): void {
  if (!(is <= most)) missed.push(`${what}: ${is.toFixed(2)} ${unit}, at most ${most} ${unit} are promised`);
}

function figuresOf(run: ObservedRun, tests: { lastBeginMs: number; lastEndMs: number } | null): Figures {
  const connecting = momentOf(run, "connecting"), starting = momentOf(run, "starting");
  const seconds = (from: number, to: number) => (to - from) / 1000;
  return {
    starting: seconds(run.beganMs, connecting),
    setUp: seconds(connecting, starting),
    started: tests === null ? null : seconds(starting, tests.lastBeginMs),
    collected: tests === null ? null : seconds(tests.lastEndMs, run.endedMs),
    whole: seconds(run.beganMs, run.endedMs),
    controllerMb: run.peakBytes.controller / 2 ** 20,
    childrenMb: run.peakBytes.children / 2 ** 20,
    togetherMb: run.peakBytes.together / 2 ** 20,
    processor: run.processorMs / 1000,
    simulator: run.ownProcessorMs / 1000,
  };
}

function show(what: string, run: ObservedRun, figures: Figures): void {
  const s = (value: number | null) => value === null ? "–" : `${value.toFixed(2)} s`;
  const mb = (value: number) => `${value.toFixed(0)} MB`;
  const verdict = run.lines.find(({ text }) => /^ipbench: (VALID|SUSPECT|INVALID)/.test(text))?.text ?? "";
  console.log(
    `${what}: start-up ${s(figures.starting)}, set up ${s(figures.setUp)}, started ${s(figures.started)}, ` +
      `collected ${s(figures.collected)}, whole ${s(figures.whole)}, processor ${
        s(figures.processor)
      } (simulator ${s(figures.simulator)}); ` +
      `controller ${mb(figures.controllerMb)}, children ${mb(figures.childrenMb)}, ` +
      `all at once ${mb(figures.togetherMb)}; exit ${run.code}, ${verdict}`,
  );
}

/** Runs a test on these daemons and reads what it left. */
async function runOn(
  hosts: readonly string[],
  port: number,
  test: { name: string; args: string },
  args: readonly string[],
): Promise<{ run: ObservedRun; document: ResultDocument }> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-scale-" });
  try {
    const clients = hosts.map((host) => ({ host, port }));
    const xml = xmlOf({ test: test.name, args: test.args, testPort: 9, clients, targets: [] });
    await Deno.writeTextFile(`${folder}/run.xml`, xml);
    const json = `${folder}/result.json`;
    const run = await observeRun(["run", `${folder}/run.xml`, "--json", json, ...args]);
    const text = await Deno.readTextFile(json).catch(() => null);
    if (text === null) {
      throw new Error(`no document: ${run.lines.slice(-10).map(({ text }) => text).join("\n")}`);
    }
    return { run, document: parseDocument(text) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Every tester that lives has given all, and the dead ones are named. */
function checkParts(what: string, document: ResultDocument, deadEvery: number): void {
  const count = document.clients[1]?.latency?.response?.count;
  document.clients.forEach((client, n) => {
    const where = `${what}: tester ${n} (${client.host})`;
    if (isDead(n, { deadEvery })) {
      if (client.error === undefined) missed.push(`${where} is dead and not named`);
    } else if (client.error !== undefined) missed.push(`${where} failed: ${client.error}`);
    else if (client.environment === null || client.clock === null || client.start === null) {
      missed.push(`${where} lacks its environment, its clock or its start`);
    } else if (client.latency?.response?.count !== count) missed.push(`${where} lacks round trips`);
  });
}

async function withSwarm(
  answers: Awaited<ReturnType<typeof realAnswers>>,
  deadEvery: number,
): Promise<Figures> {
  await using swarm = startSwarm({ ...answers, lastsMs: LASTS_MS, deadEvery });
  const what = deadEvery === 0 ? `${TESTERS} testers` : `${TESTERS} testers, every ${deadEvery}th dead`;
  const hosts = Array.from({ length: TESTERS }, (_, n) => swarmAddress(n));
  const test = { name: "latency", args: "socktype=udp,bps=51.2M,samples=200000,warmup=0,cooldown=0" };
  const { run, document } = await runOn(
    hosts,
    swarm.port,
    test,
    deadEvery === 0 ? [] : ["--require", "90%"],
  );
  const figures = figuresOf(run, swarm);
  show(what, run, figures);
  checkParts(what, document, deadEvery);
  // Five a second of each, and of all together as many as a controller asks for.
  const rate = Math.min(5 * hosts.length, REPORTS_PER_SECOND);
  const reports = rate * (1 - (deadEvery === 0 ? 0 : 1 / deadEvery)) * LASTS_MS / 1000;
  console.log(`  reports of progress: ${swarm.reports}, ${reports} are asked for`);
  if (swarm.reports < 0.9 * reports) missed.push(`${what}: ${swarm.reports} of ${reports} reports were sent`);
  if (deadEvery === 0) demand(`${what}: set up`, figures.setUp, SET_UP_S, "s");
  demand(`${what}: collected`, figures.collected ?? NaN, COLLECTED_S, "s");
  demand(`${what}: memory of the controller`, figures.controllerMb, CONTROLLER_MB, "MB");
  return figures;
}

/** The same test with testers that dial in, each proving a secret. */
async function withJoined(answers: Awaited<ReturnType<typeof realAnswers>>, testers: number): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-scale-" });
  try {
    const port = freePort(), secret = "sixteen bytes, or rather more of them";
    await Deno.writeTextFile(`${folder}/secret`, secret, { mode: 0o600 });
    const json = `${folder}/result.json`;
    await using swarm = await joinSwarm({ ...answers, lastsMs: LASTS_MS }, { port, testers, secret });
    const run = await observeRun([
      ...["run", "--listen", `0.0.0.0:${port}`, "--expect", String(testers), "--wait", "120s"],
      // What is slow here is this machine, which plays all testers: the figures say how slow.
      ...["--timeout", "120s"],
      ...[
        "--secret-file",
        `${folder}/secret`,
        "--json",
        json,
        "--test",
        "latency",
        "--test-target",
        "127.0.0.1",
      ],
      ...["--test-args", "socktype=udp,bps=51.2M,samples=200000,warmup=0,cooldown=0"],
    ]);
    const what = `${testers} testers that dial in`;
    const figures = figuresOf(run, swarm);
    show(what, run, figures);
    const document = parseDocument(await Deno.readTextFile(json));
    if (document.run.failed === true) {
      missed.push(`${what}: ${document.run.reasons.join("; ").slice(0, 500)}`);
    }
    checkParts(what, document, 0);
    const limits = JOINED_LIMITS.find((each) => each.testers === testers);
    if (limits === undefined) return;
    demand(`${what}: ready`, figures.setUp, limits.seconds, "s");
    demand(`${what}: collected`, figures.collected ?? NaN, limits.seconds, "s");
    demand(`${what}: memory of the controller`, figures.controllerMb, limits.megabytes, "MB");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function withDaemons(): Promise<void> {
  const daemons: TestDaemon[] = [];
  try {
    for (let n = 1; n <= DAEMONS; n++) {
      const port = daemons[0]?.port;
      daemons.push(
        await TestDaemon.start({ ip: `127.0.2.${n}`, readyMs: 60_000, ...port !== undefined && { port } }),
      );
    }
    const hosts = daemons.map(({ host }) => host);
    const { run, document } = await runOn(hosts, daemons[0]!.port, { name: "dummy", args: "seconds=1" }, []);
    const what = `${DAEMONS} real daemons, dummy`;
    show(what, run, figuresOf(run, null));
    checkParts(what, document, 0);
    if (document.run.failed === true) missed.push(`${what}: ${document.run.reasons.join("; ")}`);
  } finally {
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
  }
}

const answers = await realAnswers(200_000);
console.log(
  `each simulated tester answers with a result of ${answers.result.length} bytes after ${LASTS_MS} ms, ` +
    `with a record of ${answers.environment.length} bytes and five reports a second`,
);
if (JOINS) {
  const given = Deno.args.length > 1;
  for (const testers of given ? [TESTERS, ...MORE_TESTERS] : [10, 100, 1_000, 5_000, 10_000]) {
    await withJoined(answers, testers);
  }
} else {
  const whole = await withSwarm(answers, 0);
  const withDead = await withSwarm(answers, DEAD_EVERY);
  demand("with dead testers: longer than without", withDead.whole - whole.whole, DEAD_S, "s");
  await withDaemons();
}
for (const each of missed.slice(0, 20)) console.error(`MISSED ${each}`);
Deno.exit(missed.length === 0 ? 0 : 1);
