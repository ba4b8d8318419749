/** The sets of limits by which testers are judged, as a user sees them. */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { runProgram, TestDaemon } from "../util/mod.ts";

/** The values of the sets, as docs/measurement.md has them; what is not here is as in `lab`. */
const LAB = {
  lateness_ns: 1e6,
  lateness_invalid_ns: 100e6,
  rate: 0.01,
  rate_invalid: 0.05,
  gap_ns: 200e3,
  gaps: 0.01,
  gaps_invalid: 0.3,
  longest_gap_ns: 50e6,
  drops: 0.001,
  steal: 0.01,
  frequency: 0.05,
  clock_step_ns: 5e6,
};
const SHARED = {
  lateness_ns: 20e6,
  lateness_invalid_ns: 1e9,
  rate: 0.05,
  rate_invalid: 0.2,
  gap_ns: 2e6,
  gaps: 0.2,
  gaps_invalid: 0.6,
  longest_gap_ns: 500e6,
  drops: 0.001,
  steal: 0.25,
  frequency: 0.3,
  clock_step_ns: 5e6,
};
const PAPER = {
  lateness_ns: 100e3,
  lateness_invalid_ns: 10e6,
  rate: 0.001,
  rate_invalid: 0.01,
  gap_ns: 100e3,
  gaps: 0.001,
  gaps_invalid: 0.05,
  longest_gap_ns: 5e6,
  drops: 0,
  steal: 0.001,
  frequency: 0.02,
  clock_step_ns: 1e6,
};

Deno.test("limits: what a run was judged by is in its document, its verdict and its report", async () => {
  await using echo = await EchoProcess.start();
  await using tester = await TestDaemon.start();
  using folder = TemporaryFolder.make();
  const cases: [args: string, preset: string, limits: Record<string, number>][] = [
    ["", "lab", LAB],
    ["limits=lab,limit_rate=2%", "lab", { ...LAB, rate: 0.02 }],
    ["limits=shared", "shared", SHARED],
    ["limit_gap=1ms,limits=shared,limit_steal=1%", "shared", { ...SHARED, gap_ns: 1e6, steal: 0.01 }],
    ["limits=paper", "paper", PAPER],
  ];
  for (const [args, preset, limits] of cases) {
    const json = `${folder.path}/${preset}.json`;
    const { stderr } = await runProgram("ipbench", [
      ...["run", "--client", `${tester.host}:${tester.port}`, "--test", "latency", "--json", json],
      ...["--test-target", "127.0.0.1", "--test-port", String(echo.port), "--test-args"],
      `socktype=udp,bps=1M,duration=200ms,warmup=0,cooldown=0,noise=0,${args}`,
    ]);
    const document = parseDocument(await Deno.readTextFile(json));
    assert.deepEqual(document.clients[0]?.pacing?.["limits"], { preset, ...limits }, args);
    const named = preset === "lab" ? "" : ` by limits=${preset}`;
    assert.match(stderr, new RegExp(`^ipbench: (VALID|SUSPECT|INVALID)${named}$`, "m"));

    const page = `${folder.path}/${preset}.html`;
    await runProgram("ipbench", ["report", json, "-o", page]);
    const [, box = ""] = /<div class="verdict(.*?)<\/header>/s.exec(await Deno.readTextFile(page)) ?? [];
    assert.equal(box.includes("Judged by limits="), preset !== "lab");
    if (args === "limits=shared") {
      assert.match(
        box,
        /Judged by limits=shared: limit_lateness 20 ms, limit_lateness_invalid 1 s, limit_rate 5 %/,
      );
    }
    const { stdout } = await runProgram("ipbench", ["report", json, "--markdown"]);
    assert.match(stdout, new RegExp(`^\\*\\*[A-Z]+\\*\\*${named}$`, "m"));
  }
});
