/**
 * What is wrong with a run that its tests can tell: all of it at once, with its place, status 2, before anybody is
 * contacted.
 */
import assert from "node:assert/strict";
import { runBenchmark } from "../../controller/run/run.ts";
import { ConfigError } from "../../config/config_error.ts";
import { defaultRun } from "../../config/run_description.ts";
import { type Finished, isInstalled, programCommand, runProgram, TestDaemon } from "../util/mod.ts";

/** A port that counts who connects. */
class Doorbell implements Disposable {
  rung = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });

  constructor() {
    void this.#listen();
  }

  async #listen(): Promise<void> {
    for await (const connection of this.#listener) {
      this.rung++;
      connection.close();
    }
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

/** Runs ipbench against a door at which nobody may ring. */
async function atTheDoor(
  args: (at: string) => string[],
  options: { input?: string } = {},
): Promise<Finished & { rung: number }> {
  using door = new Doorbell();
  const finished = await runProgram("ipbench", args(`127.0.0.1:${door.port}`), options);
  return { ...finished, rung: door.rung };
}

const WRONG = "bsp=1,bps=10X,size=9999999";
const ALL = [
  'ipbench: --test-args: argument "bsp" is not known; did you mean "bps"?',
  'ipbench: --test-args: argument bps: "10X" is not a rate such as 10M or 1.5G',
  "ipbench: --test-args: argument size: 9999999 is out of range; it takes 8..65536 byte",
];

const latency = (at: string, args: string) => [
  ...["--client", at, "--test", "latency", "--test-target", "127.0.0.1", "--test-args", args],
];

for (
  const [command, more] of [
    ["run", []],
    ["check", []],
    ["sweep", ["--over", "flows=1,2"]],
    ["search", ["--max", "1M"]],
    ["rfc2544", ["--line-rate", "1M"]],
  ] as const
) {
  Deno.test(`${command}: all wrong arguments of a test are told at once, and nobody is contacted`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "ipbench-wrong-" });
    try {
      const out = command === "sweep" ? ["--out", `${folder}/sweep`] : [];
      const found = await atTheDoor((
        at,
      ) => [command, ...latency(at, `${WRONG},socktype=udp`), ...more, ...out]);
      assert.equal(found.stderr, ALL.join("\n") + "\n");
      assert.deepEqual([found.code, found.stdout, found.rung], [2, "", 0]);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a sweep's axes and options are looked at before the first point", async () => {
  const found = await atTheDoor((at) => [
    ...["sweep", ...latency(at, "sizo=1,bps=10M")],
    ...[
      "--over",
      "bsp=1,2,3",
      "--over",
      "size=64,99999",
      "--repeat",
      "x",
      "--until",
      "what",
      "--cooldown",
      "y",
    ],
  ]);
  assert.equal(
    found.stderr,
    [
      'ipbench: --repeat: "x" is no number; expected such as 64, 10M or 1.5G',
      'ipbench: --until: "what" is no condition; expected such as loss>1% or p99>1ms',
      'ipbench: --cooldown: "y" is no time; expected such as 500ms, 2s or 1min',
      'ipbench: --test-args: argument "sizo" is not known; did you mean "size"?',
      'ipbench: --over: argument "bsp" is not known; did you mean "bps"?',
      "ipbench: --over: argument size: 99999 is out of range; it takes 8..65536 byte",
      "",
    ].join("\n"),
  );
  assert.deepEqual([found.code, found.rung], [2, 0]);
});

Deno.test("options of a search and of rfc2544 are told with the arguments", async () => {
  const search = await atTheDoor((at) => [
    ...["search", ...latency(at, "sizo=1"), "--goal", "fast", "--max-time", "z", "--warmup", "w"],
  ]);
  assert.equal(search.code, 2);
  for (const text of ["give the largest load", "--goal: ", "--max-time: ", "--warmup: ", "--test-args: "]) {
    assert.ok(search.stderr.includes(text), `${text} in ${search.stderr}`);
  }
  const rfc2544 = await atTheDoor((at) => [
    ...["rfc2544", ...latency(at, "sizo=1"), "--tests", "speed", "--trial", "t"],
  ]);
  assert.equal(rfc2544.code, 2);
  for (const text of ["give the rate", "--tests: unknown", "--trial: ", "socktype=tcp", "--test-args: "]) {
    assert.ok(rfc2544.stderr.includes(text), `${text} in ${rfc2544.stderr}`);
  }
});

Deno.test("arguments in a configuration are told with line and column, over all clients and targets", async () => {
  const xml = (at: string) => {
    const [host, port] = at.split(":");
    return `<ipbench>
  <test name="latency" target="127.0.0.1" args="socktype=udp,bsp=1,
      size=9999999" controller_args="dump=x">
    <client hostname="${host}" port="${port}"/>
    <client hostname="a" test_args='socktype=udb, sizes="64:1,1:1"'/>
    <client hostname="b" test_args="socktype=udp,sizes=&quot;64:1,1:1&quot;,rt=100"/>
  </test>
  <target_test name="cpu_targt"><target hostname="c"/></target_test>
  <target_test name="sink" args="wormup=1"><target hostname="d"/></target_test>
</ipbench>
`;
  };
  using door = new Doorbell();
  const found = await runProgram("ipbench", ["run", "-"], { input: xml(`127.0.0.1:${door.port}`) });
  assert.deepEqual(
    found.stderr.trimEnd().split("\n").map((line) => line.replace(/(;|: the|" is) .*/, "$1")),
    [
      '<stdin>:2:62: argument "bsp" is',
      "<stdin>:3:7: argument size: 9999999 is out of range;",
      '<stdin>:3:38: argument "dump" is',
      '<stdin>:5:37: argument socktype: "udb" is',
      "<stdin>:6:77: argument rt: 100 is out of range;",
      "<stdin>:8:22: Can not find plugin: cpu_targt;",
      '<stdin>:9:34: argument "wormup" is',
    ],
  );
  assert.deepEqual([found.code, door.rung], [2, 0]);
});

Deno.test("no target, no such test: one error, with the remedy, and nobody is contacted", async () => {
  const cases: [args: string[], error: string][] = [
    [
      ["--test", "latency"],
      "--test-target: the test latency needs a machine to test: give --test-target HOST, or " +
      'target="HOST" in <test>',
    ],
    [
      ["--test", "latancy", "--test-target", "t"],
      '--test: Can not find plugin: latancy; did you mean "latency"?',
    ],
    [
      ["--test", "nosuchthing", "--test-target", "t"],
      '--test: Can not find plugin: nosuchthing; "ipbench plugins" lists what there is, --plugin-dir adds a folder',
    ],
    [
      ["--test", "echo", "--test-target", "t"],
      "--test: echo is a target test, it cannot be used as a client test",
    ],
  ];
  for (const [args, error] of cases) {
    const found = await atTheDoor((at) => ["run", "--client", at, ...args]);
    assert.equal(found.stderr, `ipbench: ${error}\n`);
    assert.deepEqual([found.code, found.stdout, found.rung], [2, "", 0]);
    // To a script of the original it is a run that failed.
    const original = await atTheDoor((at) => ["--client", at, ...args]);
    assert.equal(original.stderr, `ipbench: ${error}\n`);
    assert.deepEqual([original.code, original.stdout, original.rung], [1, "", 0]);
  }
});

Deno.test("a test that needs no target runs without one, and without a warning", async () => {
  await using tester = await TestDaemon.start();
  const { code, stderr } = await runProgram("ipbench", [
    ...["run", "--client", `${tester.host}:${tester.port}`, "--test", "dummy", "--test-args", "seconds=0.1"],
  ]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /warning|target/);
});

Deno.test("a library user gets them as problems with paths", async () => {
  const client = { host: "127.0.0.1", port: 9, target: "127.0.0.1", targetPort: 7, args: "bsp=1" };
  const run = { ...defaultRun("latency", [client]), controllerArgs: "dump=1" };
  await assert.rejects(runBenchmark(run), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(error.problems.map(({ where, argument }) => [where, argument]), [
      ["controllerArgs", "dump"],
      ["clients[0].args", "bsp"],
    ]);
    return true;
  });
});

Deno.test("a test that a daemon lacks is one error, without consequences", async () => {
  const folder = `${Deno.cwd()}/build/fixtures`;
  await using tester = await TestDaemon.start();
  const { code, stderr } = await runProgram("ipbench", [
    ...["run", "--client", `${tester.host}:${tester.port}`, "--test", "old_client", "--plugin-dir", folder],
    ...["--test-target", "127.0.0.1"],
  ]);
  assert.equal(code, 1, stderr);
  const lines = stderr.split("\n").filter((line) => /error|warning|INVALID|ended|lacks|find/.test(line));
  assert.equal(lines.length, 2, stderr);
  assert.match(lines[0] ?? "", /^ipbench: error: client .*: load: Can not find plugin: old_client/);
  assert.equal(lines[1], "ipbench: INVALID (failed)");
});

Deno.test("a set-up that fails is not followed by what became of its process", async () => {
  await using tester = await TestDaemon.start();
  const { code, stderr } = await runProgram("ipbench", [
    ...["run", "--client", `${tester.host}:${tester.port}`, "--test", "latency"],
    ...["--test-target", "no.such.host.invalid"],
  ]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /cannot resolve "no.such.host.invalid"/);
  assert.doesNotMatch(stderr, /warning|was ended/);
});

Deno.test({
  name: "at a terminal the error is all that is shown (script)",
  ignore: !isInstalled("script"),
}, async () => {
  using door = new Doorbell();
  const { path, args } = programCommand("ipbench");
  const command = [path, ...args, "run", "--client", `127.0.0.1:${door.port}`, "--test", "latancy"].join(" ");
  const { stdout, code } = await new Deno.Command("script", {
    args: ["-q", "-e", "-c", `stty cols 80 rows 24; exec ${command}`, "/dev/null"],
    env: { NO_COLOR: "1", SHELL: "/bin/sh", TERM: "xterm" },
    stdin: "null",
    stderr: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  assert.equal(
    new TextDecoder().decode(stdout),
    'ipbench: --test: Can not find plugin: latancy; did you mean "latency"?\r\n',
  );
  assert.deepEqual([code, door.rung], [2, 0]);
});
