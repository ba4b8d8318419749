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
  return await offeredBy("ipbench", script, ...words);
}

async function offeredBy(
  program: "ipbench" | "ipbenchd",
  script: string,
  ...words: string[]
): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const input = `${script}\nCOMP_WORDS=(${program} ${quoted}); COMP_CWORD=${words.length}; _${program}\n` +
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
  assert.deepEqual(await offered(script, "--test-c"), ["--test-controller-args"]);
  assert.deepEqual(await offered(script, "-c", "a", "--test-c"), ["--test-controller-args"]);
  assert.ok((await offered(script, "completions", "fi")).includes("fish"));
  const marker = await Deno.makeTempDir();
  await offered(script, "run", `$(touch ${marker}/ran)`);
  await offered(script, "run", "`touch " + marker + "/ran`");
  assert.equal(Array.from(Deno.readDirSync(marker)).length, 0);
  await Deno.remove(marker, { recursive: true });
});

Deno.test("bash completes values by what they are: choices, tests, hosts, files, and nothing where only the user knows", async () => {
  const { stdout: script } = await runProgram("ipbench", ["completions", "bash"]);
  assert.deepEqual(await offered(script, "export", "--format", ""), ["hlog", "prometheus", "junit"]);
  assert.ok((await offered(script, "run", "--test", "lat")).includes("latency-check"));
  assert.ok((await offered(script, "--client", "x", "--test", "cpu")).includes("cpu_target"));
  assert.deepEqual(await offered(script, "sweep", "--repeat", ""), []);
  assert.deepEqual(await offered(script, "sweep", "--over", ""), []);
  const hosts = "HOSTFILE=$(mktemp); echo '10.0.0.2 tester-of-mine' > $HOSTFILE";
  assert.ok((await offered(`${hosts}\n${script}`, "run", "--client", "tester")).includes("tester-of-mine"));
});

Deno.test("bash completes ipbenchd", async () => {
  const { stdout: script } = await runProgram("ipbench", ["completions", "bash"]);
  assert.deepEqual(await offeredBy("ipbenchd", script, "--secret"), ["--secret-file"]);
  assert.deepEqual(await offeredBy("ipbenchd", script, "--max-runs", ""), []);
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/plugins-here`);
  assert.deepEqual(await offeredBy("ipbenchd", script, "--plugin-dir", `${folder}/plug`), [
    `${folder}/plugins-here`,
  ]);
  await Deno.remove(folder, { recursive: true });
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

Deno.test("both manual pages have what a manual page has", async () => {
  for (
    const [name, option] of [["ipbench", "--target-test-hostname"], ["ipbenchd", "--secret-file"]] as const
  ) {
    const { code, stdout: page } = await runProgram("ipbench", ["man", name]);
    assert.equal(code, 0);
    const sections = Array.from(page.matchAll(/^\.SH (.*)$/gm), ([, title]) => title);
    for (
      const title of [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "EXAMPLES",
      ]
    ) {
      assert.ok(sections.includes(title), `${name}: ${title}`);
    }
    const set = await tool("man", ["--warnings", "-l", "-"], page);
    if (set === null) continue;
    assert.deepEqual([set.code, set.stderr], [0, ""]);
    assert.ok(set.stdout.includes(option), name);
  }
});
