/** Enter at the daemon's terminal, on a terminal made by script(1). */
import assert from "node:assert/strict";
import { runConfig } from "../fixtures/run_config.ts";
import { deadline, isInstalled, kill, programCommand, until } from "../util/mod.ts";

const ignore = !isInstalled("script");

Deno.test({ name: "Enter at the daemon's terminal lets a wait go on (script)", ignore }, async () => {
  const { path, args } = programCommand("ipbenchd");
  const command = [path, ...args, "--ip", "127.0.0.1", "--port", "0"].map((word) => `'${word}'`).join(" ");
  const child = new Deno.Command("script", {
    args: ["-q", "-e", "-f", "-c", command, "/dev/null"],
    env: { NO_COLOR: "1", SHELL: "/bin/sh" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const keyboard = child.stdin.getWriter();
  const press = (keys: string) => keyboard.write(new TextEncoder().encode(keys));
  let shown = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) shown += text;
  })();
  try {
    const port = await until("the daemon is ready", 60_000, () => /ready: .* on \S+:(\d+)/.exec(shown)?.[1]);
    const run = runConfig({
      test: "wait",
      args: "deadline=50",
      clients: [{ host: "127.0.0.1", port: Number(port) }],
      targets: [],
    });
    await until(
      "the daemon asks for Enter",
      20_000,
      () => shown.includes("press Enter to let the test go on"),
    );
    await press("\r");
    const { code, document, stderr } = await run;
    assert.equal(code, 0, stderr);
    assert.equal(document.clients[0]!.engine?.ended_by, "continue");
    await press("\x03");
    await deadline("the daemon ends on Ctrl-C", 20_000, child.status);
  } finally {
    kill(child.pid, "SIGKILL");
    await child.status;
    await keyboard.close().catch(() => {});
    await reading;
  }
});
