/**
 * Commands that are run on the controller's machine while a run goes on, and links that go down meanwhile: their times, and
 * what becomes of them.
 */
import assert from "node:assert/strict";
import type { ResultDocument } from "../../results/document/document.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { within } from "../fixtures/samples.ts";
import { hasNamespaces, runProgram, TestDaemon } from "../util/mod.ts";

const TEST_PORT = 17_311;
/** How far from its time a command may begin on a busy machine. */
const LATE_MS = 300;
/** Clocks of one machine, and a process that is started. */
const START_MS = 100;

async function run(
  folder: TemporaryFolder,
  events: string[],
): Promise<{ document: ResultDocument; stderr: string }> {
  await using left = await TestDaemon.start();
  await using right = await TestDaemon.start();
  const config = folder.write(
    "lab.xml",
    `<ipbench><test name="forward" port="${TEST_PORT}" args="socktype=udp,limits=shared,bps=500k,size=64,rampup=100ms,
      warmup=100ms,cooldown=0,duration=2,noise=0,drain=300ms"><client hostname="127.0.0.1" port="${left.port}" to="right"/>
      <client name="right" hostname="127.0.0.1" port="${right.port}"/></test></ipbench>`,
  );
  const json = `${folder.path}/result.json`;
  const options = events.flatMap((event) => ["--event", event]);
  const { stderr } = await runProgram("ipbench", ["run", config, "--json", json, ...options]);
  return { document: JSON.parse(await Deno.readTextFile(json)), stderr };
}

const commandsOf = ({ events = [] }: ResultDocument) => events.filter((event) => event.kind === "command");

Deno.test("commands run at their times of the measured phase, as their own clock says (date)", async () => {
  using folder = TemporaryFolder.make();
  const stamps = `${folder.path}/stamps`;
  const stamp = `date +%s%N >> ${stamps}`;
  const { document, stderr } = await run(folder, [`0.5s=${stamp}; sleep 0.4; ${stamp}`, "1500ms=true"]);
  const [first, second, ...others] = commandsOf(document);
  assert.ok(first !== undefined && second !== undefined, stderr);
  assert.deepEqual(others, []);
  assert.deepEqual([first.status, second.status], [0, 0]);
  const [begin = NaN, end = NaN] = (await Deno.readTextFile(stamps)).trim().split("\n").map((ns) =>
    Number(ns) / 1e6
  );
  const started = Date.parse(first.at);
  assert.ok(
    begin - started > -2 && begin - started < START_MS,
    `begun ${begin - started} ms after it was noted`,
  );
  const lasted = (first.end_ns! - first.start_ns) / 1e6;
  assert.ok(
    lasted >= end - begin && lasted < end - begin + 2 * START_MS,
    `${lasted} ms, by its own ${end - begin} ms`,
  );
  for (const [event, ms] of [[first, 500], [second, 1500]] as const) {
    const at = (event.start_ns - document.total.window!.start_ns) / 1e6;
    assert.equal(event.planned_ns, ms * 1e6);
    assert.ok(at > ms - START_MS && at < ms + LATE_MS, `at ${at} ms instead of ${ms} ms`);
  }
  assert.match(stderr, /ipbench: at 0\.[3-8]\d\d s for \d+(\.\d+)? ms: date /);
  using page = TemporaryFolder.make();
  const html = `${page.path}/page.html`;
  const drawn = await runProgram("ipbench", ["report", `${folder.path}/result.json`, "-o", html]);
  assert.equal(drawn.code, 0, drawn.stderr);
  const text = await Deno.readTextFile(html);
  assert.match(text, /id="events"[\s\S]*<code>date \+%s%N/);
  assert.match(text, /<span>event<\/span>/);
});

Deno.test("a command that fails, or whose time does not come, makes a run SUSPECT and says why", async () => {
  using folder = TemporaryFolder.make();
  const { document, stderr } = await run(folder, ["0=echo no such device >&2; exit 3", "1h=true"]);
  assert.deepEqual(commandsOf(document).map(({ status, output }) => ({ status, output })), [
    { status: 3, output: "no such device\n" },
  ]);
  const own = document.run.details!.filter(({ code }) => code?.startsWith("event-"));
  assert.deepEqual(own.map(({ level, text }) => `${level}: ${text}`), [
    'SUSPECT: the command "echo no such device >&2; exit 3" ended with status 3: no such device',
    'SUSPECT: the run was over before the command of 3600 s was due: "true"',
  ], stderr);
  assert.notEqual(document.run.verdict, "VALID"); // on a busy machine there may be more reasons
});

/** How much later than it happened a busy machine may note that a link has changed. */
const NOTED_MS = 500;

Deno.test({
  name: "when a link was down, against the commands that pulled it and the outage (ip)",
  ignore: !hasNamespaces(),
  fn: async () => {
    using link = Veth.make("v");
    if (link === null) return;
    link.silence(); // Packets that wait for a neighbour's address would only be late.
    using other = Veth.make("o"); // As another program has it, which takes it away in the middle of the run.
    assert.ok(other !== null);
    using folder = TemporaryFolder.make();
    await using echo = await EchoProcess.start({ wrap: link.wrap, ip: link.farAddress });
    await using tester = await TestDaemon.start();
    await using target = await TestDaemon.start({ role: "target", ip: "127.0.0.2" });
    const config = folder.write(
      "lab.xml",
      `<ipbench><test name="latency" target="${link.farAddress}" port="${echo.port}" args="socktype=udp,bps=512k,size=64,
        limits=shared,noise=0,warmup=0.2,cooldown=0,duration=5,max_outage=20">
        <client hostname="${tester.host}" port="${tester.port}"/></test>
        <target_test name="cpu_target"><target hostname="${target.host}" port="${target.port}"/></target_test></ipbench>`,
    );
    const json = `${folder.path}/result.json`;
    const set = (state: string) => `ip -n ${link.namespace} link set ${link.far} ${state}`;
    const removed =
      `1500ms=ip -n ${other.namespace} link set ${other.far} down; sleep 0.2; ip link del ${other.near}`;
    const pulled = ["--event", `1s=${set("down")}`, "--event", removed, "--event", `2500ms=${set("up")}`];
    const { stderr } = await runProgram("ipbench", ["run", config, "--json", json, ...pulled]);
    const document = parseDocument(await Deno.readTextFile(json));
    const { events = [], clients: [client], total } = document;
    const [down, gone, up] = commandsOf(document);
    assert.deepEqual([down?.status, gone?.status, up?.status], [0, 0, 0], stderr);
    assert.ok(!events.some((event) => event.kind === "link" && event.iface === other.near), stderr);
    const seen = events.filter((event) => event.kind === "link" && event.iface === link.near);
    assert.deepEqual(seen.map((event) => event.kind === "link" && event.role).toSorted(), [
      "target",
      "tester",
    ]);
    const [dark, ...others] = client!.outages!.list!.filter(({ length_ns }) => length_ns > 1e9);
    assert.ok(dark !== undefined && others.length === 0, JSON.stringify([client!.outages, client!.counts]));
    const darkNs = client!.window!.start_ns + dark.t_ns;
    for (const { start_ns, end_ns, at } of seen) {
      const early = 1e6; // a tester's clock is compared with the controller's
      within(start_ns, down!.start_ns - early, down!.end_ns! + NOTED_MS * 1e6, "it went down");
      within(end_ns!, up!.start_ns - early, up!.end_ns! + NOTED_MS * 1e6, "it came up");
      within(start_ns, darkNs - NOTED_MS * 1e6, darkNs + NOTED_MS * 1e6, "and it was dark");
      within(Date.parse(at) - Date.parse(down!.at), -2, NOTED_MS + 1000, "its date");
    }
    const first = ((seen[0]!.start_ns - total.window!.start_ns) / 1e9).toFixed(3);
    assert.ok(stderr.includes(`at ${first} s for `), stderr);
    assert.match(stderr, new RegExp(`: ${link.near} of tester ${tester.host}:${tester.port} was down`));
    using page = TemporaryFolder.make();
    const html = `${page.path}/page.html`;
    const drawn = await runProgram("ipbench", ["report", json, "-o", html]);
    assert.equal(drawn.code, 0, drawn.stderr);
    assert.match(await Deno.readTextFile(html), /id="events"[\s\S]*was down[\s\S]*came up/);
  },
});

Deno.test("an event that is none is wrong use", async () => {
  for (const event of ["5s", "soon=true", "-1=true", "5s= "]) {
    const { code, stderr, stdout } = await runProgram("ipbench", [
      ...[
        "run",
        "--client",
        "127.0.0.1:9",
        "--test",
        "latency",
        "--test-target",
        "127.0.0.1",
        "--event",
        event,
      ],
    ]);
    assert.deepEqual([code, stdout], [2, ""], stderr);
    assert.match(stderr, /--event: ".*" is no time and command; expected such as "5s=ip link set eth1 down"/);
  }
});
