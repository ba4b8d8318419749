/** A benchmark as a job of a real Slurm: munged, slurmctld and four slurmd on this machine. */
import assert from "node:assert/strict";
import { hasSlurm, SlurmCluster } from "../fixtures/clusters/slurm.ts";
import { projectRoot, runProgram, soundlySaid, soundVerdict, until } from "../util/mod.ts";

const ignore = !hasSlurm();
const SCRIPT = `${projectRoot()}/packaging/slurm/ipbench.sbatch`;
const BIN = { IPBENCH_BIN: `${projectRoot()}/dist` };

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

/** Submits a run and gives the number of its job. */
async function submit(
  cluster: SlurmCluster,
  xml: string,
  options: string[],
  args: string[] = [],
): Promise<string> {
  await Deno.writeTextFile(`${cluster.submitFolder}/run.xml`, xml);
  const env = { ...BIN, IPBENCH_PORT: String(freePort()), NO_COLOR: "1" };
  const said = await cluster.call("sbatch", ["--parsable", ...options, SCRIPT, "run.xml", ...args], env);
  assert.equal(said.code, 0, said.stderr);
  return said.stdout.trim();
}

async function stateOf(cluster: SlurmCluster, job: string): Promise<string> {
  const { stdout } = await cluster.call("scontrol", ["show", "job", job]);
  return /JobState=(\w+)/.exec(stdout)?.[1] ?? stdout;
}

async function ended(cluster: SlurmCluster, job: string): Promise<string> {
  return await until("the job has ended", 120_000, async () => {
    const state = await stateOf(cluster, job);
    return ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING"].includes(state) ? null : state;
  });
}

async function outputOf(cluster: SlurmCluster, job: string): Promise<string> {
  return await Deno.readTextFile(`${cluster.submitFolder}/ipbench-${job}.out`).catch(() => "");
}

async function documentOf(cluster: SlurmCluster, job: string) {
  return JSON.parse(await Deno.readTextFile(`${cluster.submitFolder}/ipbench-${job}.json`));
}

Deno.test({ name: "Slurm: testers and a target by constraint, and nothing is left", ignore }, async () => {
  await using cluster = await SlurmCluster.start(["target", "tester", "tester", "tester"]);
  const job = await submit(
    cluster,
    `<ipbench><test name="dummy" args="seconds=1"><clients/></test>
      <target_test name="dummy_target"><targets/></target_test></ipbench>`,
    ["-N4", "--constraint=[tester*3&target*1]", "--export=ALL,IPBENCH_TARGETS=target"],
  );
  assert.equal(await ended(cluster, job), "COMPLETED", await outputOf(cluster, job));
  const document = await documentOf(cluster, job);
  soundVerdict(document);
  assert.deepEqual([document.clients.length, document.targets.length], [2, 1]);
  assert.ok(document.clients.every(({ error }: { error?: string }) => error === undefined));
  assert.match(await outputOf(cluster, job), /^DUMMY RETURNED/m);
  await until(
    "all nodes are idle",
    30_000,
    async () => (await cluster.states()).every((state) => state === "idle"),
  );
  const left = [...Deno.readDirSync(cluster.submitFolder)].map(({ name }) => name).sort();
  assert.deepEqual(
    left,
    ["-target.log", "-tester.log", ".json", ".out"].map((end) => `ipbench-${job}${end}`).concat("run.xml"),
    "the secret is gone",
  );
});

Deno.test({ name: "Slurm: several testers on each node, and options of the run", ignore }, async () => {
  await using cluster = await SlurmCluster.start(["a", "a", "a"]);
  const job = await submit(
    cluster,
    `<ipbench><test name="dummy" args="seconds=0.5" target="127.0.0.1"><clients/></test></ipbench>`,
    ["-N3", "--ntasks-per-node=2"],
    ["--output", "json"],
  );
  assert.equal(await ended(cluster, job), "COMPLETED", await outputOf(cluster, job));
  const document = await documentOf(cluster, job);
  soundVerdict(document);
  assert.equal(document.clients.length, 4);
  const lines = (await outputOf(cluster, job)).split("\n").filter((line) => line.startsWith("{"));
  assert.equal(JSON.parse(lines.at(-1)!).run.id, document.run.id, "the log of the job is enough");
  const log = await Deno.readTextFile(`${cluster.submitFolder}/ipbench-${job}-controller.log`);
  assert.ok(soundlySaid(log), log);
});

Deno.test(
  { name: "Slurm: a node that dies in the middle is named, and the run goes on", ignore },
  async () => {
    await using cluster = await SlurmCluster.start(["a", "a", "a", "a"]);
    const job = await submit(
      cluster,
      `<ipbench><test name="dummy" args="seconds=8" target="127.0.0.1"><clients/></test></ipbench>`,
      ["-N4"],
      ["--require", "60%"],
    );
    await until("the test runs", 60_000, async () => /^running /m.test(await outputOf(cluster, job)));
    // The controller is on n1, so this is the tester with number 1.
    await cluster.loseNode("n3");
    const state = await ended(cluster, job);
    const output = await outputOf(cluster, job);
    const document = await documentOf(cluster, job);
    assert.equal(document.run.verdict, "SUSPECT", output);
    const failed = document.clients.flatMap(({ error }: { error?: string }, n: number) =>
      error === undefined ? [] : [n]
    );
    assert.deepEqual(failed, [1], output);
    assert.match(document.clients[1].host, /^1@/);
    assert.match(output, /^ipbench: error: .*1@/m);
    assert.match(state, /COMPLETED|NODE_FAIL/);
    await until("Slurm calls the node down", 60_000, async () => /down/.test((await cluster.states())[2]!));
  },
);

Deno.test(
  { name: "Slurm: a job that is cancelled leaves what was measured, and no secret", ignore },
  async () => {
    await using cluster = await SlurmCluster.start(["a", "a"]);
    const job = await submit(
      cluster,
      `<ipbench><test name="dummy" args="seconds=60" target="127.0.0.1"><clients/></test></ipbench>`,
      ["-N2"],
    );
    await until("the test runs", 60_000, async () => /^running /m.test(await outputOf(cluster, job)));
    await cluster.call("scancel", [job]);
    assert.equal(await ended(cluster, job), "CANCELLED", await outputOf(cluster, job));
    await until(
      "all nodes are idle",
      60_000,
      async () => (await cluster.states()).every((state) => state === "idle"),
    );
    const left = [...Deno.readDirSync(cluster.submitFolder)].map(({ name }) => name);
    assert.deepEqual(left.filter((name) => name.startsWith(".")), []);
    assert.equal((await documentOf(cluster, job)).run.interrupted, true, await outputOf(cluster, job));
  },
);

Deno.test(
  { name: "Slurm: ipbench run --slurm starts the testers, and tells when it cannot", ignore },
  async () => {
    await using cluster = await SlurmCluster.start(["a", "a", "a"]);
    const file = `${cluster.submitFolder}/run.xml`;
    await Deno.writeTextFile(
      file,
      `<ipbench><test name="dummy" args="seconds=0.5" target="127.0.0.1"><clients/></test></ipbench>`,
    );
    const json = `${cluster.submitFolder}/r.json`;
    const args = ["run", file, "--slurm", "-N", "3", "--listen", `127.0.0.1:${freePort()}`, "--json", json];
    const env = { ...cluster.env, TMPDIR: cluster.folder };
    const good = await runProgram("ipbench", args, { env });
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /^(DUMMY RETURNED: .*\n){3}$/);
    const { clients } = JSON.parse(await Deno.readTextFile(json));
    assert.deepEqual(clients.map(({ host }: { host: string }) => host.split("@")[0]), ["0", "1", "2"]);
    assert.doesNotMatch(good.stderr, /ipbenchd|srun/);
    const left = [...Deno.readDirSync(cluster.folder)].filter(({ name }) => name.startsWith("ipbench"));
    assert.deepEqual(left, [], "the secret is gone");

    // A run that is refused is no job.
    const jobs = async () =>
      (await cluster.call("scontrol", ["show", "jobs"])).stdout.match(/JobId=/g)?.length;
    const before = await jobs();
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace("seconds", "secnods"));
    const wrong = await runProgram("ipbench", args, { env });
    assert.equal(wrong.code, 2, wrong.stderr);
    assert.deepEqual([before, await jobs()], [1, 1]);
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace("secnods", "seconds"));

    const none = await runProgram("ipbench", args, { env: { ...env, SLURM_PARTITION: "elsewhere" } });
    assert.equal(none.code, 1, none.stderr);
    assert.match(none.stderr, /invalid partition/i);
    assert.match(none.stderr, /^ipbench: srun has ended with status 1, and the tests have not begun$/m);
    assert.ok(none.ms < 20_000, `${none.ms} ms`);
  },
);

Deno.test("Slurm: what --slurm and -N want is said", async () => {
  const cases: [args: string[], said: RegExp][] = [
    [["--slurm"], /on how many nodes/],
    [["-N", "3"], /give --slurm, too/],
    [["--slurm", "-N", "many"], /"many" is no number of nodes/],
    [["--slurm", "-N", "3"], /--slurm: srun is not installed/],
  ];
  for (const [args, said] of cases) {
    const run = ["run", "-t", "dummy", "-T", "127.0.0.1", "--listen", "127.0.0.1:18038", ...args];
    const { code, stderr } = await runProgram("ipbench", run, { env: { PATH: "/nonexistent" } });
    assert.equal(code, 2, stderr);
    assert.match(stderr, said);
  }
});
