/**
 * The library as a user has it: a folder of its own, README.md's steps, no network but the daemons, and exactly the
 * permissions that are written there.
 *
 * @module
 */
import assert from "node:assert/strict";
import { makeDocument } from "../fixtures/documents.ts";
import { projectRoot, soundVerdict, TestDaemon } from "../util/mod.ts";

const ROOT = projectRoot();
const DENO = Deno.execPath();

/** The first block of code of a language in a text. */
function block(text: string, language: string, after = ""): string {
  const from = text.indexOf(after);
  return new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(text.slice(from))?.[1] ?? "";
}

/** A program with the addresses of a daemon that is there, and the shortest test. */
function atHome(example: string, tester: TestDaemon): string {
  return example
    .replace(/host: "[^"]*"/, `host: "${tester.host}"`)
    .replace(/port: \d+/, `port: ${tester.port}`)
    .replace(/target: "[^"]*"/, 'target: "127.0.0.1"')
    .replace(/"latency"/, '"dummy"')
    .replace(/args: "[^"]*"/, 'args: "seconds=0.2,text=from-the-library"');
}

/** What a program left. */
interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Makes a folder as README.md says, with the clone at a place, and removes it afterwards. */
async function inFolder(main: string, clone: string, body: (folder: string) => Promise<void>): Promise<void> {
  const readme = await Deno.readTextFile(`${ROOT}/README.md`);
  const config = block(readme, "json", "## As a library");
  assert.match(config, /"links": \["\.\.\/ipbench"\]/);
  const folder = await Deno.makeTempDir({ prefix: "ipbench-library-" });
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, config.replace("../ipbench", clone));
    await Deno.writeTextFile(`${folder}/main.ts`, main);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs deno there; what is in its cache has to do. */
async function deno(folder: string, [command = "", ...args]: string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(DENO, {
    args: [command, "--cached-only", ...args],
    cwd: folder,
    stdin: "null",
    env: { NO_COLOR: "1", PATH: `${DENO.slice(0, DENO.lastIndexOf("/"))}:${Deno.env.get("PATH")}` },
    signal: AbortSignal.timeout(60_000),
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** The permissions of README.md's command line, for a daemon that is there. */
async function permissions(tester: TestDaemon): Promise<string[]> {
  const line = /^deno run (.*) main\.ts$/m.exec(await Deno.readTextFile(`${ROOT}/README.md`))?.[1] ?? "";
  assert.match(line, /^--allow-net=10\.0\.0\.2:8036 --allow-run=deno --allow-ffi$/);
  return line.replace("10.0.0.2:8036", `${tester.host}:${tester.port}`).split(" ");
}

Deno.test("README.md's steps of the library, in an empty folder, with the permissions that it names", async () => {
  await using tester = await TestDaemon.start();
  const example = block(await Deno.readTextFile(`${ROOT}/README.md`), "ts");
  assert.match(example, /runBenchmark/);
  await inFolder(atHome(example, tester), ROOT, async (folder) => {
    const checked = await deno(folder, ["check", "main.ts"]);
    assert.equal(checked.code, 0, checked.stderr);
    const ran = await deno(folder, ["run", ...await permissions(tester), "main.ts"]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /^(VALID|SUSPECT) undefined\n$/);
  });
});

Deno.test("on a terminal nobody is asked for more permissions", async () => {
  await using tester = await TestDaemon.start();
  const example = block(await Deno.readTextFile(`${ROOT}/README.md`), "ts");
  await inFolder(atHome(example, tester), ROOT, async (folder) => {
    const line = [DENO, "run", "--cached-only", ...await permissions(tester), "main.ts"].join(" ");
    const { stdout } = await new Deno.Command("script", {
      args: ["-qec", line, "/dev/null"],
      cwd: folder,
      stdin: "null",
      env: { NO_COLOR: "1", PATH: `${DENO.slice(0, DENO.lastIndexOf("/"))}:${Deno.env.get("PATH")}` },
      signal: AbortSignal.timeout(60_000),
    }).output();
    assert.match(new TextDecoder().decode(stdout).replaceAll("\r", ""), /^(VALID|SUSPECT) undefined\n$/);
  });
});

Deno.test("mod.ts's own example", async () => {
  await using tester = await TestDaemon.start();
  const text = await Deno.readTextFile(`${ROOT}/mod.ts`);
  const example = block(text, "ts").replace(/^ \* ?/gm, "");
  assert.match(example, /runBenchmark/);
  await inFolder(atHome(example, tester), ROOT, async (folder) => {
    const { stdout, stderr } = await deno(folder, ["run", ...await permissions(tester), "main.ts"]);
    assert.match(stdout, /^(VALID|SUSPECT) DUMMY RETURNED: from-the-library\n\n$/, stderr);
  });
});

Deno.test("a document is saved, reported, compared and exported, with what mod.ts says that it needs", async () => {
  await using tester = await TestDaemon.start();
  const main = `
import * as ipbench from "@ipbench/ipbench";
const client = { host: "${tester.host}", port: ${tester.port}, target: "127.0.0.1", targetPort: 7, args: "seconds=0.1" };
const document = await ipbench.runBenchmark(ipbench.defaultRun("dummy", [client]));
const saver = new ipbench.DocumentSaver("saved.json");
const watched = await ipbench.runBenchmark(ipbench.defaultRun("dummy", [client]), {
  onDocument: (partial) => saver.update(partial),
});
await saver.finish(watched);
await ipbench.saveDocument("result.json", document);
const again = { file: "result.json", document: ipbench.parseDocument(await Deno.readTextFile("result.json")) };
const text = (await ipbench.makeReport([again], { format: "markdown" })).split("\\n")[2];
const { comparison } = await ipbench.compareResults([again], [again], { metrics: ["text_size"] });
const xml = await ipbench.exportResults([again], "junit");
console.log(text, comparison.rows[0]?.change, /tests="1" failures="0"/.test(xml));
`;
  await inFolder(main, ROOT, async (folder) => {
    const more = [`--allow-read=${folder}`, `--allow-write=${folder}`, "--allow-env=NODE_ENV"];
    const ran = await deno(folder, ["run", ...await permissions(tester), ...more, "main.ts"]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /^\*\*(VALID|SUSPECT)\*\* 0 true\n$/);
    soundVerdict(JSON.parse(await Deno.readTextFile(`${folder}/saved.json`)));
  });
});

Deno.test("a clone that is not built says so, and how to build it", async () => {
  await using tester = await TestDaemon.start();
  const clone = await Deno.makeTempDir({ prefix: "ipbench-unbuilt-" });
  try {
    const { success } = await new Deno.Command("sh", {
      args: [
        "-c",
        `git ls-files -z --cached --others --exclude-standard -- '*.ts' '*.json' deno.lock packaging | xargs -0 cp --parents -t "$1"`,
        "sh",
        clone,
      ],
      cwd: ROOT,
    }).output();
    assert.ok(success);
    const example = block(await Deno.readTextFile(`${ROOT}/README.md`), "ts");
    await inFolder(atHome(example, tester), clone, async (folder) => {
      const { code, stdout, stderr } = await deno(folder, ["run", ...await permissions(tester), "main.ts"]);
      assert.deepEqual([code, stdout], [1, ""]);
      assert.ok(
        stderr.includes(`PluginError: ipbench is not built, and has no tests: run ${clone}/scripts/build`),
        stderr,
      );
    });
    const command = await deno(ROOT, ["run", "-A", "--no-check", `${clone}/cli/main.ts`, "plugins"]);
    assert.deepEqual([command.code, command.stdout], [1, ""]);
    assert.equal(
      command.stderr,
      `ipbench: ipbench is not built, and has no tests: run ${clone}/scripts/build\n`,
    );
  } finally {
    await Deno.remove(clone, { recursive: true });
  }
});

Deno.test("the examples of the library's functions are what they say", async () => {
  const text = await Deno.readTextFile(`${ROOT}/results/answers.ts`);
  const examples = [...text.matchAll(/```ts\n([^]*?) \* ```/g)].map(([, code = ""]) =>
    code.replace(/^ \* ?/gm, "")
  );
  assert.equal(examples.length, 3);
  await inFolder(examples[0]!, ROOT, async (folder) => {
    for (const [n, example] of examples.entries()) {
      await Deno.writeTextFile(`${folder}/example_${n}.ts`, example);
    }
    const names = examples.map((_, n) => `example_${n}.ts`);
    const checked = await deno(folder, ["check", ...names]);
    assert.equal(checked.code, 0, checked.stderr);
    await Deno.writeTextFile(
      `${folder}/result.json`,
      JSON.stringify(makeDocument({ samples: 10, intervals: 1 })),
    );
    const files = [`--allow-read=${folder}`, `--allow-write=${folder}`, "--allow-env=NODE_ENV"];
    const ran = await deno(folder, ["run", ...files, "main.ts"]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /^# Results\n/);
    assert.match(await Deno.readTextFile(`${folder}/report.html`), /^<!doctype html>/i);
  });
});
