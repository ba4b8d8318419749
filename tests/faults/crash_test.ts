/** Plugins that crash, exit, hang or return rubbish: each gives a named error, and the daemons serve the next run. */
import assert from "node:assert/strict";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { runConfig } from "../fixtures/run_config.ts";
import { fixturePlugins, TestDaemon } from "../util/mod.ts";

interface Expected {
  code: number;
  /** What the reasons have to say. */
  says: RegExp;
  /** Fault of the tester (or target) daemon's half, or of the controller's own. */
  blames: "daemon" | "controller" | "nobody";
}

const FAULTS: Record<string, Expected> = {
  segv_setup: { code: 1, says: /setup: .*(SIGSEGV|crash)/, blames: "daemon" },
  segv_start: { code: 1, says: /SIGSEGV|crash/, blames: "daemon" },
  exit_start: { code: 1, says: /exit|ended/, blames: "daemon" },
  hang_setup: { code: 1, says: /setup: no answer within 2\.0 s/, blames: "daemon" },
  fail_setup: { code: 1, says: /setup: .*setup failed/i, blames: "daemon" },
  fail_start: { code: 1, says: /failed to start/, blames: "daemon" },
  invalid: { code: 1, says: /221/, blames: "nobody" },
  null_size: { code: 1, says: /marshall|NULL/i, blames: "daemon" },
  negative_size: { code: 1, says: /marshall|-5/i, blames: "daemon" },
  huge_size: { code: 1, says: /marshall|2147483647/i, blames: "daemon" },
  segv_marshall: { code: 1, says: /SIGSEGV|crash/, blames: "daemon" },
  segv_unmarshall: { code: 1, says: /unmarshall: .*(SIGSEGV|crash)/, blames: "controller" },
  exit_output: { code: 1, says: /output/, blames: "controller" },
};

async function check(
  fault: string,
  expected: Expected,
  tester: TestDaemon,
  target: TestDaemon,
  side: "client" | "target",
): Promise<void> {
  const name = side === "client" ? `fault_${fault}` : `fault_${fault}_target`;
  const { code, document, stderr, stdout, ms } = await runConfig({
    test: side === "client" ? name : "dummy",
    args: side === "client" ? "" : "seconds=0.1",
    testPort: 9,
    clients: [{ host: tester.host, port: tester.port }],
    targets: [{ test: side === "target" ? name : "dummy_target", host: target.host, port: target.port }],
  }, ["--timeout", "2", "--plugin-dir", fixturePlugins()]);
  const told = `${name}: exit ${code}: ${document.run.reasons.join("; ")} | ${stderr}`;
  assert.equal(code, expected.code, told);
  assert.equal(document.run.verdict, "INVALID", told);
  assert.match(document.run.reasons.join("; "), expected.says, told);
  assert.match(stderr, expected.says, told);
  assert.ok(ms < 20_000, told);
  const place = side === "client"
    ? `client ${tester.host}:${tester.port}`
    : `target ${target.host}:${target.port}`;
  if (expected.blames === "daemon") assert.ok(stderr.includes(place), `${place} is not named: ${told}`);
  if (expected.blames !== "nobody") {
    assert.equal(document.run.failed, true, told);
    assert.equal(stdout, "", "a failed run prints no row");
  }
  await tester.assertFree(5_000);
  await target.assertFree(5_000);
}

for (const side of ["client", "target"] as const) {
  Deno.test(`plugins of a ${side} that misbehave are named, and the daemons serve on`, async (t) => {
    const args = ["--plugin-dir", fixturePlugins()];
    await using tester = await TestDaemon.start({ args });
    await using target = await TestDaemon.start({ role: "target", args });
    for (const [fault, expected] of Object.entries(FAULTS)) {
      await t.step(fault, () => check(fault, expected, tester, target, side));
    }
    await t.step("the same daemons run a well-behaved test", async () => {
      const { code, stderr } = await runConfig(dummyConfig([tester], "seconds=0.1", [target]));
      assert.equal(code, 0, stderr);
    });
  });
}

/** One tester runs a test that is at fault. */
function faulty(test: string, { host, port }: TestDaemon): Parameters<typeof runConfig>[0] {
  return { test, args: "", testPort: 9, clients: [{ host, port }], targets: [] };
}

Deno.test("a test that never ends is given up at the deadline, by name", async () => {
  const args = ["--plugin-dir", fixturePlugins()];
  await using tester = await TestDaemon.start({ args });
  const { code, stderr, document } = await runConfig(faulty("fault_hang_start", tester), [
    "--timeout",
    "1",
    "--plugin-dir",
    fixturePlugins(),
  ]);
  assert.equal(code, 1);
  assert.match(stderr, /client 127\.0\.0\.1:\d+: run: no result 1\.\d s after START; is --timeout too short/);
  assert.equal(document.run.failed, true);
  await tester.assertFree(5_000);
});

Deno.test("a plugin that floods its output disturbs nothing", async () => {
  const args = ["--plugin-dir", fixturePlugins()];
  await using tester = await TestDaemon.start({ args });
  const { code, stdout, stderr } = await runConfig(faulty("fault_flood_stderr", tester), [
    "--plugin-dir",
    fixturePlugins(),
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "fault\n");
  assert.doesNotMatch(stderr, /flood: line/, "what a tester's plugin says is for its daemon's log");
});

Deno.test("what a plugin says in the controller is shown, and a flood of it is cut and counted", async () => {
  const args = ["--plugin-dir", fixturePlugins()];
  await using tester = await TestDaemon.start({ args });
  const config = {
    test: "fault_flood_unmarshall",
    args: "",
    testPort: 9,
    clients: [{ host: tester.host, port: tester.port }],
    targets: [],
  };
  const { code, stdout, stderr } = await runConfig(config, ["--quiet", ...args]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, "fault\n");
  const lines = stderr.split("\n").filter((line) => line.includes("fault_flood_unmarshall: "));
  assert.equal(lines.length, 11, stderr);
  for (const line of lines.slice(0, 10)) {
    assert.match(
      line,
      /^ipbench: warning: fault_flood_unmarshall: flood: line \d+ of standard (error|output)/,
    );
  }
  // Half of the lines is on its standard output, which is nobody's there.
  assert.equal(
    lines[10],
    "ipbench: warning: fault_flood_unmarshall: and 399990 more lines; --debug shows them",
  );
  const debug = await runConfig(config, ["--debug", ...args]);
  const shown = debug.stderr.split("\n").filter((line) =>
    line.startsWith("ipbench: fault_flood_unmarshall: flood")
  );
  assert.ok(shown.length > 100, `${shown.length} lines`);
  assert.match(debug.stderr, /\d+ more lines were dropped/);
});
