/** Commands whose standard output takes nothing: none says that it is well. */
import assert from "node:assert/strict";
import { makeDocument } from "../fixtures/documents.ts";
import { inFolder } from "../fixtures/folders.ts";
import { programCommand, TestDaemon } from "../util/mod.ts";

/** Runs ipbench from a shell, with a redirection or into a pipe. */
async function shell(
  line: string,
  args: string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { path, args: before } = programCommand("ipbench");
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; ${line}`, "bash", path, ...before, ...args],
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("a result that cannot be written is a failure with a sentence, of each command that has one", async () => {
  await using daemon = await TestDaemon.start();
  const tester = `127.0.0.1:${daemon.port}`;
  await inFolder(async (folder) => {
    for (const name of ["a", "b"]) {
      await Deno.writeTextFile(`${folder}/${name}.json`, JSON.stringify(makeDocument()));
    }
    const [a, b] = [`${folder}/a.json`, `${folder}/b.json`];
    const commands = [
      ["--version"],
      ["help", "quick"],
      ["plugins", "stream"],
      ["completions", "bash"],
      ["man"],
      ["csv", a],
      ["compare", a, b],
      ["export", "-f", "prometheus", a],
      ["export", "-f", "junit", a],
      ["report", a, "-o", "-"],
      ["status", tester],
      ["check", "--client", tester, "--test", "dummy"],
      ["run", "--client", tester, "--test", "dummy"],
      ["run", "--client", tester, "--test", "dummy", "--output", "json"],
    ];
    for (const args of commands) {
      for (
        const [redirection, why] of [[">/dev/full", /No space left/], [">&-", /it is closed/]] as const
      ) {
        const { code, stderr } = await shell(`"$@" ${redirection}`, args);
        assert.equal(code, 1, `${args.join(" ")} ${redirection}: ${stderr}`);
        const last = stderr.trim().split("\n").at(-1)!;
        assert.match(last, /^ipbench: .*cannot (write|be written).*/, args.join(" "));
        assert.match(last, why, args.join(" "));
      }
    }
  });
});

Deno.test("a reader that has read enough ends a command quietly, as it ends others", async () => {
  for (const args of [["plugins", "stream"], ["completions", "bash"], ["man"]]) {
    const { code, stdout, stderr } = await shell('"$@" | exec head -c 1', args);
    assert.ok(code === 141 || code === 0, `${args.join(" ")}: ${code}`);
    assert.deepEqual([stdout.length, stderr], [1, ""]);
  }
});

Deno.test("where the standard output takes nothing, verdict, rows, history and pages are kept all the same", async () => {
  await using daemon = await TestDaemon.start();
  const tester = `127.0.0.1:${daemon.port}`;
  await inFolder(async (folder) => {
    const [csv, history] = [`${folder}/rows.csv`, `${folder}/history.sqlite`];
    const { code, stderr } = await shell('"$@" >/dev/full', [
      ...["run", "--client", tester, "--test", "dummy", "--test-args", "seconds=0.1,text=row"],
      ...["--csv", csv, "--history", history],
    ]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^ipbench: VALID$/m);
    assert.match(stderr, /cannot write the result to standard output: No space left/);
    assert.match(await Deno.readTextFile(csv), /row/);
    const kept = await shell('"$@"', ["history", "list", "--history", history]);
    assert.match(kept.stdout, /VALID +dummy/);

    // Nobody answers there: what a mesh of them leaves is written, and which host it was is told.
    const mesh = await shell('"$@" >/dev/full', [
      ...["mesh", "127.0.0.1:1", "127.0.0.2:1", "--no-rate", "--history", "off"],
      ...["--csv", `${folder}/mesh.csv`, "--report", `${folder}/mesh.html`],
    ]);
    assert.equal(mesh.code, 1, mesh.stderr);
    assert.match(mesh.stderr, /cannot write the result to standard output: No space left/);
    for (const name of ["mesh.csv", "mesh.html"]) {
      assert.ok((await Deno.stat(`${folder}/${name}`)).size > 0, name);
    }
  });
});
