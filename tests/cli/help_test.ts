/** Help texts as they are, whole: `deno test --update-snapshots` writes them anew. */
import assert from "node:assert/strict";
import { runProgram } from "../util/mod.ts";

const OWN = [
  "quick",
  "run",
  "check",
  "status",
  "watch",
  "abort",
  "continue",
  "echo",
  "serve",
  "recover",
  "deploy",
  "completions",
  "man",
];

for (const name of OWN) {
  Deno.test(`the help of ${name}`, async (t) => {
    const { code, stdout, stderr } = await runProgram("ipbench", [name, "--help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    await t.assertSnapshot(stdout);
  });
}

Deno.test("help COMMAND says the same as COMMAND --help", async () => {
  const [one, other] = [
    await runProgram("ipbench", ["help", "status"]),
    await runProgram("ipbench", ["status", "--help"]),
  ];
  assert.equal(one.stdout, other.stdout);
  assert.equal(one.code, 0);
});

Deno.test("the help lists every subcommand once, on stdout", async () => {
  for (const args of [["--help"], ["-h"], ["help"]]) {
    const { code, stdout, stderr } = await runProgram("ipbench", args);
    assert.deepEqual([code, stderr], [0, ""]);
    for (
      const name of [
        ...OWN,
        "sweep",
        "search",
        "rfc2544",
        "plugins",
        "plugin",
        "report",
        "compare",
        "csv",
        "history",
        "export",
      ]
    ) {
      assert.equal(stdout.match(new RegExp(`^  ${name}\\b`, "gm"))?.length, 1, `${name} in\n${stdout}`);
    }
  }
});

Deno.test("no line of a help is wider than a terminal of 80 columns", async () => {
  const others = [
    "sweep",
    "search",
    "rfc2544",
    "report",
    "compare",
    "csv",
    "export",
    "sink",
    "mesh",
    "plugins",
    "history",
  ];
  for (
    const words of [[], ["plugin", "new"], ["plugin", "check"], ...[...OWN, ...others].map((name) => [name])]
  ) {
    const { code, stdout } = await runProgram("ipbench", [...words, "--help"]);
    assert.equal(code, 0, words.join(" "));
    assert.deepEqual(stdout.split("\n").filter((line) => line.length > 80), [], words.join(" "));
  }
});

Deno.test("without arguments the help goes to stderr and the status is 2", async () => {
  const { code, stdout, stderr } = await runProgram("ipbench", []);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^Usage: ipbench /);
});

Deno.test("--version of both programs is one line on stdout", async () => {
  for (const name of ["ipbench", "ipbenchd"] as const) {
    const { code, stdout, stderr } = await runProgram(name, ["--version"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(
      stdout,
      new RegExp(
        `^${name} \\d+\\.\\d+\\.\\d+ \\((deno-compile|launcher|source), Deno [\\d.]+, plugin interface 1\\.4, linux-\\w+\\)\\n$`,
      ),
    );
  }
});
