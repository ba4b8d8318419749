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

Deno.test("each command's help says in a sentence what it does", async () => {
  for (const words of [...OWN.map((name) => [name]), ["plugin"], ["plugin", "new"], ["history", "check"]]) {
    const { stdout } = await runProgram("ipbench", [...words, "--help"]);
    const [, what] = stdout.split("\n\n");
    assert.match(what!, /^[A-Z][^]*\.$/, words.join(" "));
    assert.doesNotMatch(stdout, /default: "|choices: "/, words.join(" "));
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

Deno.test("each option of a command is in a page of docs, too", async () => {
  const pages = [...Deno.readDirSync("docs")].filter(({ name }) => name.endsWith(".md")).map(({ name }) =>
    `docs/${name}`
  );
  const texts = await Promise.all(["README.md", ...pages].map((page) => Deno.readTextFile(page)));
  const known = new Set(texts.join("\n").match(/(?<![\w-])--[a-z][a-z0-9-]*/g));
  const commands = [
    ...OWN,
    "sweep",
    "search",
    "rfc2544",
    "mesh",
    "report",
    "compare",
    "csv",
    "export",
    "sink",
  ];
  const histories = ["list", "series", "check", "annotate", "export", "prune"].map((
    name,
  ) => ["history", name]);
  const missing: string[] = [];
  for (const words of [...commands.map((name) => [name]), ...histories, null]) {
    const { stdout } = words === null
      ? await runProgram("ipbenchd", ["--help"])
      : await runProgram("ipbench", [...words, "--help"]);
    for (const [, option] of stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z0-9-]+)/gm)) {
      if (!known.has(option!)) missing.push(`${words?.join(" ") ?? "ipbenchd"} ${option}`);
    }
  }
  assert.deepEqual(missing, []);
});
