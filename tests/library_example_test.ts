/** The library examples that a reader sees, in README.md and mod.ts, run as written: only the addresses are replaced. */
import assert from "node:assert/strict";
import { projectRoot, TestDaemon } from "./util/mod.ts";

/** A program that runs an example with the project's own module. */
function program(example: string, tester: TestDaemon): string {
  return example
    .replace(/from "(\.\/mod\.ts|@ipbench\/ipbench)"/, `from "file://${projectRoot()}/mod.ts"`)
    .replace(/host: "[^"]*"/, `host: "${tester.host}"`)
    .replace(/port: \d+/, `port: ${tester.port}`)
    .replace(/target: "[^"]*"/, 'target: "127.0.0.1"')
    .replace(/"latency"/, '"dummy"')
    .replace(/args: "[^"]*"/, 'args: "seconds=0.2,text=from-the-library"');
}

async function runExample(example: string): Promise<string> {
  await using tester = await TestDaemon.start();
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program(example, tester));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", "--config", `${projectRoot()}/deno.json`, file],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("the README's example of the library", async () => {
  const text = await Deno.readTextFile(`${projectRoot()}/README.md`);
  const example = /```ts\n([^]*?)```/.exec(text)?.[1] ?? "";
  assert.match(example, /runBenchmark/);
  assert.match(await runExample(example), /^VALID undefined\n$/);
});

Deno.test("mod.ts's own example", async () => {
  const text = await Deno.readTextFile(`${projectRoot()}/mod.ts`);
  const example = (/```ts\n([^]*?) \* ```/.exec(text)?.[1] ?? "").replace(/^ \* ?/gm, "");
  assert.match(example, /runBenchmark/);
  assert.match(await runExample(example), /^VALID DUMMY RETURNED: from-the-library\n\n$/);
});
