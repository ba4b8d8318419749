/** Live lines as a person sees them, on terminals made by script(1): what fits stays whole, and nothing is left behind. */
import assert from "node:assert/strict";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { isInstalled, TestDaemon } from "../util/mod.ts";
import { TestTerminal } from "../fixtures/terminal.ts";

const ignore = !isInstalled("script");
/** A line that is drawn over: of a tester while it runs, or of all. */
const LIVE = /^(127\.0\.0\.1:\d+|total) +(\d+\/\d+ done|[a-z]+\b(?!:))/;
const WHOLE_P99 = / {2}p99 \d+(\.\d+)? (ns|µs|ms|s)$/;

/** What each run of latency is told: short, and forgiving on a machine that does other things. */
const ARGS = "socktype=udp,size=64,bps=400k,warmup=100ms,cooldown=50ms,drain=100ms";

interface Bench extends AsyncDisposable {
  testers: TestDaemon[];
  /** Command line of a run over the first so many testers. */
  line(testers: number, seconds: number): string[];
}

async function bench(testers: number): Promise<Bench> {
  const stack = new AsyncDisposableStack();
  const echo = stack.use(await EchoProcess.start());
  const daemons = await Promise.all(Array.from({ length: testers }, () => TestDaemon.start()));
  daemons.forEach((daemon) => stack.use(daemon));
  return {
    testers: daemons,
    line: (count, seconds) => [
      ...daemons.slice(0, count).flatMap((daemon) => ["--client", `${daemon.host}:${daemon.port}`]),
      ...["--test", "latency", "--test-args", `${ARGS},duration=${seconds}`],
      ...["--test-target", "127.0.0.1", "--test-port", String(echo.port)],
    ],
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** What holds of every live view. */
function assertClean(terminal: TestTerminal, testers: number): void {
  const text = () => JSON.stringify(terminal.frames, null, 1);
  for (const frame of terminal.frames) {
    const live = frame.filter((line) => LIVE.test(line));
    const totals = live.filter((line) => line.startsWith("total"));
    assert.ok(totals.length <= 1 && live.length <= testers + 1, `a line is there twice: ${text()}`);
    assert.ok(live.every((line) => !line.includes("…")), `cut: ${text()}`);
  }
  assert.ok(terminal.frames.length > 5, `nothing was live: ${text()}`);
  const left = terminal.lines().filter((line) => LIVE.test(line));
  assert.deepEqual(left, [], "live lines are left behind");
  // deno-lint-ignore no-control-regex -- what moves the cursor up is what this is about
  assert.doesNotMatch(terminal.raw, /(?<!\r)\x1b\[\d+A/, "up without a carriage return");
}

/** A tester reports percentiles when it has time for them, which on a crowded machine may be never in a run. */
const TRIES = 3;

/** Runs until each tester's p99 was there to be read; the last try must have it. */
async function withP99(run: () => Promise<TestTerminal>, testers: readonly TestDaemon[]): Promise<void> {
  for (let left = TRIES; left > 0; left--) {
    await using terminal = await run();
    const shown = testers.every((tester) => linesOf(terminal, tester).some((line) => WHOLE_P99.test(line)));
    if (shown || left === 1) return assertP99(terminal, testers);
  }
}

function linesOf(terminal: TestTerminal, { host, port }: TestDaemon): string[] {
  return terminal.frames.flat().filter((line) => line.startsWith(`${host}:${port} `));
}

/** For each tester: was there a time at which its p99 could be read? */
function assertP99(terminal: TestTerminal, testers: readonly TestDaemon[]): void {
  for (const tester of testers) {
    const own = linesOf(terminal, tester);
    assert.ok(own.some((line) => WHOLE_P99.test(line)), `no p99 of ${tester.port}: ${JSON.stringify(own)}`);
    const damaged = own.filter((line) => line.includes("p99") && !WHOLE_P99.test(line));
    assert.deepEqual(damaged, []);
  }
}

for (const columns of [80, 60]) {
  Deno.test(
    { name: `live lines of one and of three testers at ${columns} columns (script)`, ignore },
    async () => {
      await using lab = await bench(3);
      for (const count of [1, 3]) {
        await withP99(async () => {
          const terminal = TestTerminal.open("ipbench", ["run", ...lab.line(count, 2)], { columns });
          await terminal.end();
          assertClean(terminal, count);
          assert.match(terminal.lines().join("\n"), /^ipbench: (VALID|SUSPECT|INVALID)$/m);
          return terminal;
        }, lab.testers.slice(0, count));
      }
    },
  );
}

Deno.test({ name: "a sweep of two testers leaves its own lines alone (script)", ignore }, async () => {
  await using lab = await bench(2);
  const folder = await Deno.makeTempDir({ prefix: "ipbench-live-" });
  const args = [
    "sweep",
    ...lab.line(2, 1),
    "--over",
    "bps=200k,400k",
    "--retry",
    "0",
    "--out",
    `${folder}/s`,
  ];
  await using terminal = TestTerminal.open("ipbench", args);
  await terminal.end();
  await Deno.remove(folder, { recursive: true });
  assertClean(terminal, 2);
  assertP99(terminal, lab.testers);
  const headings = new Set(terminal.frames.flat().filter((line) => /^\d\/2 {2}bps=/.test(line)));
  assert.deepEqual([...headings], ["1/2  bps=200000  #1", "2/2  bps=400000  #1"]);
  const lines = terminal.lines();
  assert.ok(lines.some((line) => line.startsWith("ipbench: 2/2 bps=400000 #1: ")), JSON.stringify(lines));
  assert.ok(!lines.some((line) => /^127|setup/.test(line)), JSON.stringify(lines));
});

Deno.test({
  name: "a search shows each trial while it runs, and a table that does not wrap (script)",
  ignore,
}, async () => {
  await using lab = await bench(1);
  const goal = "ndr,initial=1s,final=1s,sum=1s,exceed=0";
  const args = [
    "search",
    ...lab.line(1, 1),
    "--max",
    "400k",
    "--min",
    "200k",
    "--goal",
    goal,
    "--max-trials",
    "2",
  ];
  for (const columns of [80, 60]) {
    await using terminal = TestTerminal.open("ipbench", args, { columns });
    await terminal.end();
    assertClean(terminal, 1);
    assertP99(terminal, lab.testers);
    assert.ok(
      terminal.frames.flat().includes("trial 1  400k bit/s for 1 s"),
      JSON.stringify(terminal.frames),
    );
    const lines = terminal.lines();
    const from = lines.findIndex((line) => line.startsWith("goal "));
    const table = lines.slice(from, lines.findIndex((line) => /^ipbench: \d trial/.test(line)))
      .filter((line) => !line.startsWith("  ")); // reasons of a crowded machine
    assert.ok(table.length >= 4 && table.every((line) => line.length <= columns), JSON.stringify(lines));
    assert.match(table.join("\n"), /packets\/s[^]* result/);
  }
});

Deno.test({ name: "rfc2544 shows each trial while it runs (script)", ignore }, async () => {
  await using lab = await bench(1);
  const args = [
    ...lab.line(1, 1),
    "--line-rate",
    "500k",
    "--frames",
    "128",
    "--tests",
    "loss",
    "--trial",
    "1s",
  ];
  await using terminal = TestTerminal.open("ipbench", ["rfc2544", ...args]);
  await terminal.see(
    "a trial with its figures",
    30_000,
    /^128-byte frames {2}loss {2}\S+ bit\/s for 1 s\n.*p99 \d/m,
  );
  await terminal.press("\x03");
  assert.equal(await terminal.end(), 130);
  assertClean(terminal, 1);
  assert.ok(terminal.lines().every((line) => line.length <= 80 && !line.includes("^C")));
});

Deno.test({ name: "Ctrl-C leaves no part of a live line (script)", ignore }, async () => {
  await using lab = await bench(2);
  await using terminal = TestTerminal.open("ipbench", ["run", ...lab.line(2, 20)]);
  await terminal.see("figures", 30_000, /measure .*p99 \d/);
  await terminal.press("typed\r\x03");
  assert.equal(await terminal.end(), 130);
  const lines = terminal.lines();
  const kept = lines.filter((line) =>
    !/^(ipbench: | {2,4}\S|\d+,|$)/.test(line) && !LIVE.test(line) && line !== "typed"
  );
  assert.deepEqual(kept, [], JSON.stringify(lines));
  assert.ok(lines.includes("ipbench: SIGINT: ending the test on every daemon (once more: at once)"));
  assert.ok(lines.includes("ipbench: INVALID (interrupted)"));
});

Deno.test(
  { name: "watch and status at 80 and 60 columns, with keys pressed meanwhile (script)", ignore },
  async () => {
    await using lab = await bench(2);
    const hosts = lab.testers.map(({ host, port }) => `${host}:${port}`);
    await using run = TestTerminal.open("ipbench", ["run", ...lab.line(1, 30)]);
    await run.see("figures", 30_000, /measure .*p99 \d/);
    for (const columns of [80, 60]) {
      await using watch = TestTerminal.open("ipbench", ["watch", ...hosts], { columns });
      await watch.see("both daemons", 30_000, new RegExp(`^${hosts[0]} .*p99 .*\n${hosts[1]}  idle$`, "m"));
      await watch.press("xyz");
      const drawn = watch.frames.length;
      await watch.redraws(drawn + 3);
      await watch.press("\x03");
      assert.equal(await watch.end(), 130);
      const lines = watch.lines();
      assert.equal(lines.length, 2, JSON.stringify(lines));
      assert.match(lines[0]!, new RegExp(`^${hosts[0]} .*measure.*${WHOLE_P99.source}`));
      assert.equal(lines[1], `${hosts[1]}  idle`);

      await using status = TestTerminal.open("ipbench", ["status", ...hosts], { columns });
      assert.equal(await status.end(), 0);
      assert.match(status.lines()[0]!, new RegExp(`^${hosts[0]} .*running`));
      assert.ok(status.lines().some((line) => line.startsWith(`${hosts[1]}  tester  idle`)));
      assert.deepEqual(status.wrapped(), []);
    }
    await run.press("\x03");
    await run.end();
  },
);

Deno.test({
  name: "verdicts have colours on a terminal, but not with NO_COLOR or TERM=dumb (script)",
  ignore,
}, async () => {
  await using lab = await bench(1);
  const run = async (start: { colours: boolean; term?: string }) => {
    await using terminal = TestTerminal.open("ipbench", ["run", ...lab.line(1, 1)], start);
    await terminal.end();
    return terminal.raw;
  };
  // deno-lint-ignore no-control-regex -- colours are what this is about
  const painted = /ipbench: (\x1b\[32mVALID|\x1b\[33mSUSPECT|\x1b\[31mINVALID)\x1b\[39m\r\n/;
  assert.match(await run({ colours: true }), painted);
  const plain = await run({ colours: false });
  // deno-lint-ignore no-control-regex -- as above
  assert.doesNotMatch(plain, /\x1b\[[\d;]*m/);
  assert.match(plain, /ipbench: (VALID|SUSPECT|INVALID)\r\n/);
  const dumb = await run({ colours: true, term: "dumb" });
  assert.ok(!dumb.includes("\x1b"), JSON.stringify(dumb));
  assert.match(dumb, /ipbench: (VALID|SUSPECT|INVALID)\r\n/);
});
