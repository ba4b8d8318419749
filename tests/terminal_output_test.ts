/** What a person sees on a terminal, made by script(1): nothing that ipbench itself did not write. */
import assert from "node:assert/strict";
import { isInstalled, programCommand, runtimeWarnings } from "./util/mod.ts";

const ignore = !isInstalled("script");

/** Runs a program on a terminal of 80 columns. Gives what the terminal was sent. */
async function onTerminal(name: "ipbench" | "ipbenchd", args: string[]): Promise<string> {
  const { path, args: before } = programCommand(name);
  const command = [path, ...before, ...args].map((word) => `'${word}'`).join(" ");
  const { stdout } = await new Deno.Command("script", {
    args: ["-q", "-e", "-c", `stty cols 80 rows 24; exec ${command}`, "/dev/null"],
    env: { NO_COLOR: "1", SHELL: "/bin/sh", TERM: "xterm" },
    stdin: "null",
    stderr: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test({ name: "on a terminal --version is one line, of either program (script)", ignore }, async () => {
  for (const name of ["ipbench", "ipbenchd"] as const) {
    assert.match(
      await onTerminal(name, ["--version"]),
      new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ [^\\n]*\\r?\\n$`),
    );
  }
});

Deno.test({
  name: "on a terminal the runtime writes nothing of its own, in plugin processes too (script)",
  ignore,
}, async () => {
  const shown = await onTerminal("ipbench", ["plugins"]);
  assert.match(shown, /latency/);
  assert.deepEqual(runtimeWarnings(shown.split(/\r?\n/)), []);
});
