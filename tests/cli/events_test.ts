/** `ipbench run --output json` as schedulers and scripts see it. */
import assert from "node:assert/strict";
import * as v from "valibot";
import { inFolder } from "../fixtures/folders.ts";
import {
  collectText,
  deadline,
  programCommand,
  runProgram,
  soundlySaid,
  soundVerdict,
  TestDaemon,
  until,
} from "../util/mod.ts";

const at = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const figure = v.nullable(v.pipe(v.number(), v.minValue(0)));
const peer = v.nullable(
  v.looseObject({ role: v.picklist(["client", "target"]), host: v.string(), port: count }),
);
/** What docs/events.md promises of each line before the last. */
const EVENT = v.variant("event", [
  v.strictObject({
    event: v.literal("begin"),
    at,
    format: v.literal("ipbench-events/1"),
    ipbench: v.string(),
    run: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)),
    test: v.string(),
    clients: count,
    targets: count,
  }),
  v.strictObject({ event: v.literal("phase"), at, phase: v.string(), text: v.string() }),
  v.strictObject({
    event: v.literal("schedule"),
    at,
    lead_ns: count,
    expected_ns: figure,
    deadline_ns: count,
  }),
  v.strictObject({
    event: v.literal("progress"),
    at,
    class: v.optional(v.string()),
    clients: count,
    done: count,
    failed: count,
    reporting: count,
    elapsed_ns: figure,
    expected_ns: figure,
    sent: figure,
    ok: figure,
    lost: figure,
    bad: figure,
    received_bps: figure,
    sent_bps: figure,
    worst_p50_ns: figure,
    worst_p99_ns: figure,
    worst_p999_ns: figure,
    max_ns: figure,
    dark_ns: figure,
  }),
  v.strictObject({ event: v.literal("warning"), at, peer, text: v.string() }),
  v.strictObject({ event: v.literal("error"), at, peer, phase: v.string(), text: v.string() }),
]);

function dummy(seconds: number, ...ports: number[]): string[] {
  const clients = ports.flatMap((port) => ["-c", `127.0.0.1:${port}`]);
  return [
    "run",
    "-t",
    "dummy",
    "-T",
    "127.0.0.1",
    "-a",
    `seconds=${seconds}`,
    ...clients,
    "--output",
    "json",
  ];
}

Deno.test("the standard output is events, each as documented, and the last line is the document", async () => {
  await using tester = await TestDaemon.start();
  await inFolder(async (folder) => {
    const file = `${folder}/r.json`;
    const { code, stdout, stderr } = await runProgram("ipbench", [
      ...dummy(3.2, tester.port),
      "--json",
      file,
    ]);
    assert.equal(code, 0, stderr);
    const lines = stdout.split("\n");
    assert.equal(lines.pop(), "");
    const last = JSON.parse(lines.pop() ?? "");
    const events = lines.map((line) => v.parse(EVENT, JSON.parse(line)));
    const kinds = events.map(({ event }) => event);
    assert.equal(kinds[0], "begin");
    assert.equal(kinds.filter((kind) => kind === "schedule").length, 1);
    const progress = kinds.filter((kind) => kind === "progress").length;
    assert.ok(progress >= 2 && progress <= 5, `${progress} lines of progress in 3.2 s`);
    assert.ok(kinds.indexOf("progress") > kinds.indexOf("schedule"));
    const { event, at: _, ...document } = last;
    assert.equal(event, "result");
    assert.deepEqual(document, JSON.parse(await Deno.readTextFile(file)));
    assert.ok(events[0]!.event === "begin" && events[0]!.run === document.run.id);
    assert.match(stderr, /^DUMMY RETURNED/m, "the row is not lost");
    assert.ok(soundlySaid(stderr), stderr);

    // A log of both streams is enough for everything that reads documents.
    const log = `${folder}/job.log`;
    await Deno.writeTextFile(log, stderr + stdout + "a line of somebody else\n");
    const row = await runProgram("ipbench", ["csv", log]);
    assert.equal(row.code, 0, row.stderr);
    assert.equal(row.stdout, (await runProgram("ipbench", ["csv", file])).stdout);
    await Deno.writeTextFile(log, lines.join("\n") + "\n");
    const none = await runProgram("ipbench", ["csv", log]);
    assert.notEqual(none.code, 0);
    assert.match(none.stderr, /the events of a run that has no result/);
  });
});

Deno.test("a run that fails says so in the last line, too", async () => {
  const dead = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = dead.addr;
  dead.close();
  const { code, stdout } = await runProgram("ipbench", dummy(1, port));
  assert.equal(code, 1);
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.some(({ event, peer }) => event === "error" && peer.port === port));
  assert.deepEqual([lines.at(-1).event, lines.at(-1).run.failed], ["result", true]);
});

Deno.test("the standard output takes one thing", async () => {
  for (const other of ["--json", "--csv"]) {
    const { code, stdout, stderr } = await runProgram("ipbench", [...dummy(1, 9), other, "-"]);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, new RegExp(`either the events or ${other}`));
  }
  const { code, stderr } = await runProgram("ipbench", [...dummy(1, 9), "--output", "xml"]);
  assert.equal(code, 2);
  assert.match(stderr, /Allowed choices are text, json/);
});

for (const kept of [false, true]) {
  Deno.test(`a reader that goes ${kept ? "leaves the file its result" : "ends the run on every daemon"}`, async () => {
    await using tester = await TestDaemon.start();
    await inFolder(async (folder) => {
      const command = programCommand("ipbench");
      const file = `${folder}/r.json`;
      const child = new Deno.Command(command.path, {
        args: [...command.args, ...dummy(kept ? 4 : 60, tester.port), ...kept ? ["--json", file] : []],
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const said = collectText(child.stderr);
      await until("the test runs", 20_000, () => /^running /m.test(said.text));
      await child.stdout.cancel();
      const { code } = await deadline("the run ends", 20_000, child.status);
      await said.ended;
      assert.equal(code, 141, said.text);
      assert.equal(said.text.match(/nobody reads the standard output any more/g)?.length, 1, said.text);
      if (kept) soundVerdict(JSON.parse(await Deno.readTextFile(file)));
      else assert.match(said.text, /ending the test on every daemon/);
      await tester.assertFree();
    });
  });
}

Deno.test("a reader that stands still does not hold up the run, and gets everything later", async () => {
  await using tester = await TestDaemon.start();
  await inFolder(async (folder) => {
    const command = programCommand("ipbench");
    const file = `${folder}/r.json`;
    // A pipe that nobody reads, and that is full before the run begins.
    const script = 'mkfifo "$1/p"; exec 3<>"$1/p"; head -c 65536 /dev/zero >&3; shift; exec "$@" >&3';
    const child = new Deno.Command("sh", {
      args: [
        "-c",
        script,
        "sh",
        folder,
        command.path,
        ...command.args,
        ...dummy(2, tester.port),
        "--json",
        file,
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const said = collectText(child.stderr);
    await until("the run has its result", 30_000, () => /^ipbench: [A-Z]+$/m.test(said.text));
    const reader = await Deno.open(`${folder}/p`, { read: true });
    const reading = new Response(reader.readable).text();
    const { code } = await deadline("the run ends", 10_000, child.status);
    assert.equal(code, 0, said.text);
    const lines = (await reading).replace(/^\0+/, "").trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual([lines[0].event, lines.at(-1).event], ["begin", "result"]);
    soundVerdict(lines.at(-1));
  });
});
