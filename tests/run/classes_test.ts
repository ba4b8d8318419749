/** Several tests in one run: sixteen testers in two classes, tests that are told to end, and a signal. */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { isInstalled, projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

/** Testers of each class. */
const EACH = 8;
const VICTIM_PPS = 100, VICTIM_SECONDS = 4;
const BULK_PPS = 50, BULK_BEGIN = 1, BULK_END = 3;

async function startTesters(stack: AsyncDisposableStack, count: number): Promise<TestDaemon[]> {
  const started = Array.from({ length: count }, (_, n) => TestDaemon.start({ ip: `127.0.7.${n + 1}` }));
  return (await Promise.all(started)).map((daemon) => stack.use(daemon));
}

const clientsOf = (daemons: readonly TestDaemon[]) =>
  daemons.map(({ host, port }) => `<client hostname="${host}" port="${port}"/>`).join("\n");

/** An echo and a sink that are not ours, and count. */
class CountingPeer {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  echoPort = 0;
  sinkPort = 0;

  private constructor(host: string) {
    const script = `${projectRoot()}/tests/fixtures/peers/counting_echo.py`;
    this.#child = new Deno.Command("python3", {
      args: [script, host],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
  }

  static async start(host: string): Promise<CountingPeer> {
    const peer = new CountingPeer(host);
    const [echo, sink] = String((await peer.#lines.next()).value).split(" ").map(Number);
    Object.assign(peer, { echoPort: echo, sinkPort: sink });
    return peer;
  }

  /** Ends it: packets by where they came from. */
  async counts(): Promise<Record<"echo" | "sink", Record<string, number>>> {
    await this.#child.stdin.close();
    const told = JSON.parse(String((await this.#lines.next()).value));
    await this.#child.status;
    return told;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);

Deno.test({
  name: "sixteen testers in two classes: exact sums, one instant, one document, one report (python3)",
  ignore: !isInstalled("python3"),
  fn: async () => {
    await using stack = new AsyncDisposableStack();
    using folder = TemporaryFolder.make();
    const testers = await startTesters(stack, 2 * EACH);
    const peer = await CountingPeer.start("127.0.7.100");
    const config = folder.write(
      "classes.xml",
      `<ipbench>
        <test class="victim" name="latency" target="127.0.7.100" port="${peer.echoPort}"
              args="socktype=udp,bps=${
        VICTIM_PPS * 1000
      },size=125,warmup=0,cooldown=0,duration=${VICTIM_SECONDS},noise=0">
        ${clientsOf(testers.slice(0, EACH))}</test>
        <test class="bulk" name="discard" begin="${BULK_BEGIN}s" end="${BULK_END}s" target="127.0.7.100"
              port="${peer.sinkPort}" args="socktype=udp,size=125,warmup=0,cooldown=0">
        ${clientsOf(testers.slice(EACH))}</test></ipbench>`,
    );
    const json = `${folder.path}/result.json`, page = `${folder.path}/report.html`;
    const done = await runProgram("ipbench", [
      ...["run", config, "--json", json, "--csv", `${folder.path}/rows.csv`],
      ...["--class", `bulk.bps=${BULK_PPS * 1000}`],
    ]);
    const document = parseDocument(await Deno.readTextFile(json));
    const told = `${done.stderr}${document.run.reasons.join("; ")}`;
    assert.equal(document.run.failed, undefined, told);
    const seen = await peer.counts();

    // Sums: what the testers say, what the class says, and what a program that is not ours has counted.
    const [victim, bulk] = document.classes!;
    const own = (name: string) => document.clients.filter((client) => client.class === name);
    assert.deepEqual([own("victim").length, own("bulk").length], [EACH, EACH]);
    const sent = own("victim").map(({ counts }) => counts!.sent);
    assert.equal(victim!.counts!.sent, sum(sent));
    assert.equal(sum(Object.values(seen.echo)), sum(sent), "every packet of the victims, and none else");
    assert.deepEqual(Object.values(seen.echo).toSorted(), sent.toSorted(), "each tester's own");
    assert.deepEqual(sent, new Array(EACH).fill(VICTIM_PPS * VICTIM_SECONDS));
    assert.equal(victim!.latency.response!.count, victim!.counts!.ok);
    assert.deepEqual(document.total.counts, victim!.counts, "total is the first class's");
    const metric = (name: string) => bulk!.metrics!.find((one) => one.name === name)!;
    assert.deepEqual([metric("packets_all_phases").value, metric("packets_all_phases").of], [
      sum(Object.values(seen.sink)),
      EACH,
    ]);
    const measured = own("bulk").map(({ metrics }) =>
      metrics.find(({ name }) => name === "sent_packets")!.value
    );
    assert.equal(metric("sent_packets").value, sum(measured));
    for (const one of measured) assert.ok(one <= BULK_PPS * (BULK_END - BULK_BEGIN) + 1, `${one} packets`);

    // One instant: all clocks are this machine's, and the second class was told the same one and its begin.
    const planned = (name: string) =>
      own(name).map(({ start, clock }) => start!.planned_ns - clock!.offset_ns);
    const error = Math.max(...document.clients.map(({ clock }) => clock!.error_ns));
    const instant = planned("victim")[0]!;
    for (const at of planned("victim")) assert.ok(Math.abs(at - instant) <= 2 * error + 1e3);
    for (const at of planned("bulk")) assert.ok(Math.abs(at - instant - BULK_BEGIN * 1e9) <= 2 * error + 1e3);
    for (const { start } of document.clients) assert.ok(start!.actual_ns >= start!.planned_ns);
    assert.ok(Math.abs(bulk!.active!.start_ns - victim!.active!.start_ns - BULK_BEGIN * 1e9) < 0.5e9);
    assert.ok(bulk!.active!.end_ns - bulk!.active!.start_ns <= (BULK_END - BULK_BEGIN) * 1e9 + 0.5e9);

    // One document with the effect in it, a row a class, and one report.
    const [effect] = document.effect!;
    assert.deepEqual([effect?.victim, effect?.of], ["victim", "bulk"]);
    const phases = [effect!.before!, effect!.during!, effect!.after!];
    assert.ok(sum(phases.map((phase) => phase.sent)) <= victim!.counts!.sent);
    assert.ok(effect!.during!.intervals > 0.8 * EACH * 10 * (BULK_END - BULK_BEGIN), told);
    assert.deepEqual(document.csv.split("\n").map((row) => row.split(",").length), [9, 3, 1]);
    assert.ok(done.stdout.endsWith(document.csv));
    for (const name of ["victim", "bulk"]) {
      const [header, row, ...more] = (await Deno.readTextFile(`${folder.path}/rows-${name}.csv`)).trim()
        .split("\n");
      assert.equal(header!.split(",").length, row!.split(",").length);
      assert.equal(more.length, 0);
    }
    const report = await runProgram("ipbench", ["report", json, "-o", page]);
    assert.equal(report.code, 0, report.stderr);
    const text = await Deno.readTextFile(page);
    for (const { host } of testers) assert.ok(text.includes(host), `${host} is in the report`);
  },
});

Deno.test("a test without a duration is stopped at the end of its class, and is no worse for it", async () => {
  await using stack = new AsyncDisposableStack();
  using folder = TemporaryFolder.make();
  const [first, second] = await startTesters(stack, 2);
  const config = folder.write(
    "stop.xml",
    `<ipbench>
      <test class="short" name="dummy" args="seconds=1" target="h">${clientsOf([first!])}</test>
      <test class="long" name="wait" begin="0.3s" end="1.3s" target="h">${clientsOf([second!])}</test>
    </ipbench>`,
  );
  const json = `${folder.path}/result.json`;
  const { code, stderr } = await runProgram("ipbench", ["run", config, "--json", json]);
  const document = parseDocument(await Deno.readTextFile(json));
  const told = `${stderr}${document.run.reasons.join("; ")}`;
  assert.equal(code, document.run.verdict === "INVALID" ? 1 : 0, told);
  assert.equal(document.run.failed, undefined, told);
  const { start } = document.clients[1]!;
  const lasted = (Number(start!["ended_ns"]) - start!.planned_ns) / 1e9;
  assert.ok(lasted >= 0.99 && lasted < 2.5, `stopped after ${lasted} s: ${told}`);
  for (const daemon of [first!, second!]) await daemon.assertFree();
});

Deno.test("what is wrong with a class is told before anybody is contacted, and a tester that fails with its class", async () => {
  await using stack = new AsyncDisposableStack();
  using folder = TemporaryFolder.make();
  const [first] = await startTesters(stack, 1);
  const gone = await TestDaemon.start({ ip: "127.0.7.9" });
  await gone.stop();
  const xml = (args: string) =>
    `<ipbench>
<test class="victim" name="dummy" args="seconds=0.1" target="h">${clientsOf([first!])}</test>
<test class="bulk" name="discard" begin="1s" end="2s" target="h" args="${args}">${clientsOf([gone])}</test>
</ipbench>`;
  const wrong = await runProgram("ipbench", ["run", folder.write("wrong.xml", xml("socktype=udp,warmup=3"))]);
  assert.equal(wrong.code, 2, wrong.stderr);
  assert.match(wrong.stderr, /wrong\.xml:3:\d+: argument duration: .* take 13 s of the 1 s of its class/);
  const json = `${folder.path}/result.json`;
  const failed = await runProgram("ipbench", [
    ...["run", folder.write("gone.xml", xml("socktype=udp,warmup=0,cooldown=0")), "--json", json],
  ]);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /client 127\.0\.7\.9:\d+ of class bulk: connect: /);
  const document = parseDocument(await Deno.readTextFile(json));
  assert.deepEqual(document.classes!.map(({ verdict }) => verdict), ["INVALID", "INVALID"]);
  assert.deepEqual(document.classes![0]!.reasons, ["the run ended before its testers had a result"]);
  await first!.assertFree();
});
