/** What a person sees on a terminal, made by script(1): nothing that ipbench itself did not write. */
import assert from "node:assert/strict";
import { scriptedDaemon } from "../fixtures/peers/scripted_daemon.ts";
import { isInstalled, programCommand, runProgram, runtimeWarnings } from "../util/mod.ts";

const ignore = !isInstalled("script");

/** Runs a program on a terminal of 80 columns. Gives what the terminal was sent. */
async function onTerminal(name: "ipbench" | "ipbenchd", args: string[]): Promise<string> {
  const { path, args: before } = programCommand(name);
  const command = [path, ...before, ...args].map((word) => `'${word}'`).join(" ");
  const { stdout } = await new Deno.Command("script", {
    args: [
      "-q",
      "-e",
      "-c",
      `stty cols 80 rows 24; exec ${command}`,
      "/dev/null",
    ],
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

Deno.test(
  { name: "what a tester sends is escaped on a terminal, and bytes elsewhere (script)", ignore },
  async () => {
    const evil = "ti\x1b]0;tle\x07me\rover\u202etxt";
    const bytes = new TextEncoder().encode(evil).length;
    await using tester = scriptedDaemon([
      "100 IPBENCH V1.0\n",
      ...["200 OK\n", "200 OK\n", "200 OK\n"],
      `220 VALID DATA (Data to follow)\nContent-length: ${bytes + 1}\n${evil}\0`,
    ]);
    const args = [
      "run",
      "-q",
      "--client",
      `127.0.0.1:${tester.port}`,
      "--test",
      "dummy",
      "--test-target",
      "127.0.0.1",
    ];
    const piped = await runProgram("ipbench", args);
    assert.ok(piped.stdout.includes(evil), JSON.stringify(piped));
    const shown = await onTerminal("ipbench", args);
    assert.ok(shown.includes("ti\\x1b]0;tle\\x07me\\x0dover\\u202etxt"), JSON.stringify(shown));
    // deno-lint-ignore no-control-regex -- these are what must not be there
    assert.doesNotMatch(shown, /[\x00-\x09\x0b\x0c\x0e-\x1f\u202e]|\r(?!\n)/);

    await using refusing = scriptedDaemon([
      "100 IPBENCH V1.0\n",
      "200 OK\n",
      "451 LOCAL PROCESSING ERROR (no\x1b]2;x\x07\u202e)\n",
    ]);
    const refused = await onTerminal("ipbench", [
      ...["run", "--client", `127.0.0.1:${refusing.port}`, "--test", "dummy", "--test-target", "127.0.0.1"],
      ...["--debug"],
    ]);
    // deno-lint-ignore no-control-regex -- these are what must not be there
    assert.doesNotMatch(refused, /\x1b\]|\x07|\u202e/);
    assert.match(refused, /load/);
  },
);
