/**
 * The session in README.md: its commands are run in their order, and what they print is compared with what the README
 * shows, figures aside. The addresses are replaced by one that no other test uses.
 */
import assert from "node:assert/strict";
import { deadline, kill, programCommand, projectRoot, until } from "../util/mod.ts";

const ADDRESS = "127.0.21.77";
/** Longest time for one command. */
const COMMAND_MS = 60_000;

interface Step {
  command: string;
  /** What the README shows below it. */
  shown: string[];
}

async function readSession(): Promise<Step[]> {
  const text = await Deno.readTextFile(`${projectRoot()}/README.md`);
  const block = /<!-- session: .*? -->\s*```console\n([^]*?)```/.exec(text)?.[1];
  assert.ok(block !== undefined, "README.md has a session");
  const steps: Step[] = [];
  for (const line of block.replaceAll("127.0.0.1", ADDRESS).trimEnd().split("\n")) {
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), shown: [] });
    else steps.at(-1)?.shown.push(line);
  }
  return steps;
}

/** Figures differ from run to run, and so does the verdict with its reasons: this machine may be busy or quiet. */
function comparable(lines: readonly string[]): string[] {
  return lines
    .filter((line) => !line.startsWith("  ") && !line.startsWith("total"))
    .map((line) =>
      line.replace(/\b(VALID|SUSPECT|INVALID)\b/g, "VERDICT")
        .replace(/CPU\d+: /g, "").replace(/(,[\d.]+){1,}$/, ",N")
        .replace(/[<\d.]+ (µs|ms|s|ns|%|[kMG]?bit\/s)(?=[ ,]|$)/g, "N U")
        .replace(/\b(sent|ok) \d+/g, "$1 N")
    );
}

/** A shell command of the session, with this build's programs for `ipbench` and `ipbenchd`. */
function spawn(command: string, folder: string): Deno.ChildProcess {
  const functions = (["ipbench", "ipbenchd"] as const).map((name) => {
    const { path, args } = programCommand(name);
    return `${name}() { ${[path, ...args].map((word) => `'${word}'`).join(" ")} "$@"; }`;
  });
  const background = command.endsWith("&");
  const text = background ? `exec ${command.slice(0, -1).trim()}` : command;
  const program = /^exec (ipbenchd?)\b/.exec(text)?.[1] as "ipbench" | "ipbenchd" | undefined;
  const start = program === undefined ? null : programCommand(program);
  const script = start === null
    ? `${functions.join("\n")}\n${text} 2>&1`
    : text.replace(program ?? "", [start.path, ...start.args].map((word) => `'${word}'`).join(" ")) + " 2>&1";
  return new Deno.Command("bash", {
    args: ["-c", script],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

Deno.test("the session in the README works, and prints what it shows", async () => {
  const steps = await readSession();
  const folder = await Deno.makeTempDir({ prefix: "ipbench-readme-" });
  const background: Deno.ChildProcess[] = [];
  try {
    for (const { command, shown } of steps) {
      if (command.startsWith("cat ")) {
        await Deno.writeTextFile(`${folder}/${command.slice(4)}`, shown.join("\n") + "\n");
        continue;
      }
      const child = spawn(command, folder);
      let said = "";
      const reading = (async () => {
        for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) said += part;
      })();
      if (command.endsWith("&")) {
        background.push(child);
        for (const line of shown) await until(`"${command}" says ${line}`, 20_000, () => said.includes(line));
        continue;
      }
      await deadline(command, COMMAND_MS, reading);
      await child.status;
      assert.deepEqual(
        comparable(said.trimEnd().split("\n")),
        comparable(shown),
        `${command} printed\n${said}`,
      );
    }
  } finally {
    for (const child of background) kill(child.pid, "SIGINT");
    for (const child of background) await deadline("a program of the session ends", 10_000, child.status);
    await Deno.remove(folder, { recursive: true });
  }
});
