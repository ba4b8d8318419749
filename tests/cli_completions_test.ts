/** Completion scripts are loaded into their shells, and the manual page is set by man where there is one. */
import assert from "node:assert/strict";
import { isInstalled, runProgram } from "./util/mod.ts";

/** Runs a program of the system; `null` when it is not installed. */
async function tool(
  name: string,
  args: string[],
  input: string,
): Promise<{ code: number; stdout: string; stderr: string } | null> {
  try {
    const child = new Deno.Command(name, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      env: { LC_ALL: "C.UTF-8" },
    })
      .spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What bash offers after a command line. */
async function offered(script: string, ...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const input = `${script}\nCOMP_WORDS=(ipbench ${quoted}); COMP_CWORD=${words.length}; _ipbench\n` +
    `printf '%s\\n' "\${COMPREPLY[@]}"\n`;
  const ran = await tool("bash", ["-s"], input);
  assert.ok(ran !== null, "bash is there");
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  return ran.stdout.split("\n").filter((line) => line !== "");
}

Deno.test("bash completes commands, options and choices, and evaluates nothing", async () => {
  const { code, stdout: script } = await runProgram("ipbench", ["completions", "bash"]);
  assert.equal(code, 0);
  assert.deepEqual(await offered(script, "sta"), ["status"]);
  assert.deepEqual(await offered(script, "run", "--target-test-"), [
    "--target-test-hostname",
    "--target-test-port",
    "--target-test-args",
    "--target-test-controller-args",
  ]);
  assert.deepEqual(await offered(script, "--test-c"), []);
  assert.deepEqual(await offered(script, "-c", "a", "--test-c"), ["--test-controller-args"]);
  assert.ok((await offered(script, "completions", "fi")).includes("fish"));
  const marker = await Deno.makeTempDir();
  await offered(script, "run", `$(touch ${marker}/ran)`);
  await offered(script, "run", "`touch " + marker + "/ran`");
  assert.equal(Array.from(Deno.readDirSync(marker)).length, 0);
  await Deno.remove(marker, { recursive: true });
});

for (const shell of ["zsh", "fish"]) {
  Deno.test({ name: `${shell} takes its completion script`, ignore: !isInstalled(shell) }, async () => {
    const { code, stdout: script } = await runProgram("ipbench", ["completions", shell]);
    assert.equal(code, 0);
    assert.match(script, /target-test-hostname/);
    const checked = await tool(shell, ["-n"], script);
    if (checked !== null) assert.deepEqual([checked.code, checked.stderr], [0, ""]);
  });
}

Deno.test({ name: "fish offers commands, options and choices", ignore: !isInstalled("fish") }, async () => {
  const { stdout: script } = await runProgram("ipbench", ["completions", "fish"]);
  const asked = ["ipbench sta", "ipbench run --target-test-h", "ipbench completions "];
  const ran = await tool(
    "fish",
    [],
    script + asked.map((line) => `complete -C "${line}"; echo ==\n`).join(""),
  );
  if (ran === null) return;
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  const offers = ran.stdout.split("==\n").map((part) =>
    part.trim().split("\n").map((line) => line.split("\t")[0])
  );
  assert.deepEqual(offers.slice(0, 3), [["status"], ["--target-test-hostname"], ["bash", "fish", "zsh"]]);
});

Deno.test({ name: "zsh registers its function", ignore: !isInstalled("zsh") }, async () => {
  const { stdout: script } = await runProgram("ipbench", ["completions", "zsh"]);
  const ran = await tool(
    "zsh",
    ["-f", "-s"],
    `autoload -U compinit; compinit -D -u\n${script}\nprint $_comps[ipbench]\n`,
  );
  if (ran !== null) assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, "_ipbench\n", ""]);
});

Deno.test("the manual page is set without a warning and has every command", async () => {
  const { code, stdout: page } = await runProgram("ipbench", ["man"]);
  assert.equal(code, 0);
  for (const name of ["run", "status", "deploy", "sweep"]) {
    assert.match(page, new RegExp(`^\\.SS "ipbench ${name} `, "m"));
  }
  const set = await tool("man", ["--warnings", "-l", "-"], page);
  if (set === null) return;
  assert.deepEqual([set.code, set.stderr], [0, ""]);
  assert.match(set.stdout, /--target-test-hostname/);
});
