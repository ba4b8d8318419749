/**
 * Plugins that crash, exit, hang, refuse or return rubbish: each costs its own test, with a 451 that says what
 * happened, and the daemon serves the next one.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fixturePlugins, handshake, runProgram, targetSetup, TestDaemon, testerSetup } from "../util/mod.ts";

/** What a fault ends in: at which step, and what the 451 says. */
const FAULTS: Record<string, { step: "SETUP" | "START"; says: RegExp; targetOnly?: boolean }> = {
  fault_segv_setup: { step: "SETUP", says: /setup failed: NAME: .*SIGSEGV.*setup/ },
  fault_fail_setup: { step: "SETUP", says: /setup failed: NAME/ },
  fault_hang_setup: { step: "SETUP", says: /setup failed: NAME: .*setup within 2 s/ },
  fault_segv_start: { step: "START", says: /Plugin failed to start!: NAME: .*SIGSEGV.*start/ },
  fault_exit_start: { step: "START", says: /Plugin failed to start!: NAME: .*status [0-9]+.*start/ },
  fault_fail_start: { step: "START", says: /Plugin failed to start!: NAME/ },
  fault_segv_marshall: { step: "START", says: /NAME: .*SIGSEGV.*marshall/ },
  fault_null_size: { step: "START", says: /NAME/ },
  fault_negative_size: { step: "START", says: /NAME/ },
  fault_huge_size: { step: "START", says: /NAME/ },
  fault_hang_stop: { step: "START", says: /NAME: .*stop within 2 s/, targetOnly: true },
};

for (const role of ["tester", "target"] as const) {
  Deno.test(`${role}: faulty plugins cost one test each`, async (t) => {
    await using daemon = await TestDaemon.start({
      role,
      args: ["--plugin-dir", fixturePlugins(), "--call-timeout", "2"],
    });
    for (const [fault, { step, says, targetOnly }] of Object.entries(FAULTS)) {
      if (targetOnly && role === "tester") continue;
      const name = role === "tester" ? fault : `${fault}_target`;
      await t.step(name, async () => {
        using client = await daemon.greeted({ deadlineMs: 15_000 });
        await handshake(client, name, "", "LOAD");
        await client.send((role === "tester" ? testerSetup() : targetSetup()) + "\n");
        if (step === "START") {
          assert.equal(await client.readLine(), "200 OK");
          await client.send(role === "tester" ? "START\n" : "START\nSTOP\n");
        }
        const answer = await client.readToEnd();
        assert.match(answer, /^451 LOCAL PROCESSING ERROR \([^()\n]*\)\n$/);
        assert.match(answer, new RegExp(says.source.replace("NAME", name)));
        using next = await daemon.greeted();
        assert.deepEqual(await next.ask("HELLO"), ["200 OK (Ready to go)"], "free when the 451 is there");
      });
    }
    await t.step("one that hangs in start is ended by ABORT and by the end of its connection", async () => {
      for (const how of ["ABORT", "close"]) {
        using client = await daemon.greeted();
        const name = role === "tester" ? "fault_hang_start" : "fault_hang_start_target";
        await handshake(client, name, role === "tester" ? testerSetup() : targetSetup());
        if (how === "ABORT") await client.send("ABORT\n");
        else client.close();
        await daemon.assertFree();
      }
    });
    await t.step("data that the plugin says is not valid is a 221", async () => {
      using client = await daemon.greeted();
      const name = role === "tester" ? "fault_invalid" : "fault_invalid_target";
      await handshake(client, name, role === "tester" ? testerSetup() : targetSetup());
      if (role === "target") await client.send("STOP\n");
      assert.match(
        await client.readToEnd(),
        /^221 INVALID DATA \(Data to follow\)\nContent-length: [0-9]+\n/,
      );
    });
    await t.step("one that floods its stderr disturbs nothing", async () => {
      using client = await daemon.greeted({ deadlineMs: 20_000 });
      const name = role === "tester" ? "fault_flood_stderr" : "fault_flood_stderr_target";
      await handshake(client, name, role === "tester" ? testerSetup() : targetSetup());
      if (role === "target") await client.send("STOP\n");
      assert.match(await client.readToEnd(), /^22[01] .*\nContent-length: /);
      assert.ok(daemon.log.length < 20_000, `${daemon.log.length} lines were logged`);
    });
  });
}

Deno.test("plugins of the original's interface run on their own side", async () => {
  await using tester = await TestDaemon.start({ args: ["--plugin-dir", fixturePlugins()] });
  for (const name of ["old_client", "old_client_needed"]) {
    using client = await tester.greeted();
    await handshake(client, name, testerSetup());
    assert.match(await client.readToEnd(15_000), /^22[01] .*\nContent-length: /, name);
  }
  await using target = await TestDaemon.start({ role: "target", args: ["--plugin-dir", fixturePlugins()] });
  using client = await target.greeted();
  await handshake(client, "old_target", targetSetup());
  await client.send("STOP\n");
  assert.match(await client.readToEnd(15_000), /^22[01] .*\nContent-length: /);
});

/** A plugin that is there and cannot be opened, because a library that it needs is not. */
async function brokenPlugin(folder: string): Promise<void> {
  const bytes = await Deno.readFile(`${fixturePlugins()}/old_client_needed.so`);
  const text = new TextDecoder("latin1").decode(bytes);
  const at = text.indexOf("libipbench.so.1");
  assert.ok(at > 0 && text.indexOf("libipbench.so.1", at + 1) < 0, "it needs the library, once");
  bytes.set(new TextEncoder().encode("libnothere.so.1"), at);
  await Deno.writeFile(`${folder}/old_client_needed.so`, bytes);
}

Deno.test("why a plugin cannot be opened is in the 451, and in what a run says", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-broken-" });
  try {
    await brokenPlugin(folder);
    await using tester = await TestDaemon.start({ args: ["--plugin-dir", folder] });
    using client = await tester.greeted();
    assert.deepEqual(await client.ask("HELLO"), ["200 OK (Ready to go)"]);
    await client.send("LOAD old_client_needed\n");
    const why =
      "Can not find plugin: old_client_needed; .*old_client_needed.so cannot be opened: .*libnothere.so.1";
    assert.match(
      await client.readToEnd(),
      new RegExp(`^451 LOCAL PROCESSING ERROR \\(${why}[^()\n]*\\)\n$`),
    );
    const run = await runProgram("ipbench", [
      ...["run", "--test", "old_client_needed", "--client", tester.host, "--port", String(tester.port)],
      ...["--test-target", "127.0.0.1", "--plugin-dir", folder],
    ]);
    assert.equal(run.code, 2);
    assert.match(run.stderr, new RegExp(`^ipbench: --test: ${why}`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
