/**
 * The programs for arm64, which are built here and run by qemu-user: what they are, what they send, and runs and faults with
 * a tester there. What qemu cannot show is how fast anything is, and what a processor does that orders memory less strictly.
 */
import assert from "node:assert/strict";
import { defaultRun } from "../../config/run_description.ts";
import { LIMITS, type Limits } from "../../controller/limits.ts";
import { runBenchmark } from "../../controller/run/run.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { ARM64, Arm64, outputOf, whyNoArm64 } from "../fixtures/arm64/arm64.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { C_TESTS, CLOCK_TEST, LEFT_OUT } from "../fixtures/arm64/c_tests.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { type FaultPlan, FaultProxy } from "../fixtures/peers/fault_proxy.ts";
import { runtimeFor } from "../../scripts/lib/runtime.ts";
import { HOST, targetNamed } from "../../scripts/lib/target.ts";
import { imageLibraries } from "../../scripts/package/components.ts";
import { makeImage } from "../../scripts/package/oci.ts";
import { assertNoneLeft, kill, projectRoot, TestDaemon, until } from "../util/mod.ts";
import settings from "../../deno.json" with { type: "json" };

const ROOT = projectRoot();
const EM_AARCH64 = 183;
/** qemu takes a hundred times as long as a processor to start a JavaScript engine: nothing is late before this. */
const PATIENCE_MS = 180_000;
const PATIENT: Partial<Limits> = {
  connectMs: PATIENCE_MS,
  greetingMs: PATIENCE_MS,
  finishMs: PATIENCE_MS,
  replyMs: PATIENCE_MS,
  loadMs: PATIENCE_MS,
  setupMs: PATIENCE_MS,
  stopMs: PATIENCE_MS,
  graceMs: PATIENCE_MS,
};
const SAMPLES = 100;
/** What `--version` says there. */
const VERSION = new RegExp(`^ipbenchd ${settings.version.replaceAll(".", "\\.")} .*linux-aarch64\\)$`, "m");

const why = whyNoArm64();

Deno.test("every test in C is tried on arm64, or has a reason of its own", () => {
  const rooms = Array.from(Deno.readDirSync(`${ROOT}/tests_c/tests`)).filter(({ isDirectory }) =>
    isDirectory
  );
  const sources = rooms.flatMap(({ name: room }) =>
    Array.from(Deno.readDirSync(`${ROOT}/tests_c/tests/${room}`), ({ name }) => name)
  ).flatMap((name) => /^(\w+_test)\.c$/.exec(name)?.[1] ?? []);
  assert.deepEqual([...C_TESTS, CLOCK_TEST, ...Object.keys(LEFT_OUT)].toSorted(), sources.toSorted());
  const reasons = Object.values(LEFT_OUT);
  assert.equal(new Set(reasons).size, reasons.length);
});

Deno.test({ name: `arm64${why === null ? "" : `: ${why}`}`, ignore: why !== null }, async (t) => {
  const arm64 = await Arm64.find();
  await t.step("builds, all of it for that machine", () => build());
  await t.step("marshalled forms are the same bytes", () => compareForms(arm64));
  await t.step("http and nfs_latency find their libraries", () => tryLibraries(arm64));
  const all = C_TESTS.length + 1 + Object.keys(LEFT_OUT).length;
  await t.step(`tests in C: ${C_TESTS.length} of ${all} programs`, () => runC(arm64, C_TESTS));
  const ignore = !arm64.canStartOthers;
  const name = "a tester on arm64, a controller on this machine" +
    (ignore ? ": it needs Linux 6.7 and user namespaces" : "");
  await t.step({ name, ignore, fn: (step) => tryTester(arm64, step) });
  await t.step({ name: "its counter is the clock", ignore, fn: () => tryClock(arm64) });
  await t.step({ name: "one image for both kinds of machines", ignore, fn: () => tryImage(arm64) });
});

async function build(): Promise<void> {
  const script = ["run", "--allow-all", "--quiet", "scripts/build.ts", "--target", ARM64.name, "--launcher"];
  await outputOf(Deno.execPath(), script);
  const plugins = Array.from(Deno.readDirSync(`${ARM64.build}plugins`), ({ name }) => `plugins/${name}`);
  for (const path of [...plugins, "libipbench.so.1"].map((name) => ARM64.build + name)) {
    assert.equal(machineOf(path), EM_AARCH64, path);
  }
  const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).toSorted();
  assert.deepEqual(
    names(`${ARM64.build}plugins`),
    names(`${ROOT}/build/plugins`),
    "as many as on this machine",
  );
  for (const name of ["ipbench", "ipbenchd"]) assert.equal(machineOf(ARM64.dist + name), EM_AARCH64, name);
}

/** For which machine an ELF file is: its e_machine. */
function machineOf(path: string): number {
  using file = Deno.openSync(path);
  const head = new Uint8Array(20);
  file.readSync(head);
  assert.deepEqual([...head.subarray(0, 4)], [0x7f, 0x45, 0x4c, 0x46], `${path} is no ELF file`);
  return new DataView(head.buffer).getUint16(18, true);
}

async function compareForms(arm64: Arm64): Promise<void> {
  const here = await outputOf(`${ROOT}/build/forms_tool`, []);
  const there = await arm64.run(`${ARM64.build}forms_tool`);
  assert.ok(here.length > 100_000, `${here.length} bytes`);
  const off = here.findIndex((byte, at) => byte !== there[at]);
  assert.ok(here.length === there.length && off < 0, `they differ at byte ${off} of ${here.length}`);
}

/** One runs against a server, the other says what became of its connection. */
async function tryLibraries(arm64: Arm64): Promise<void> {
  let asked = 0;
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    asked++;
    return new Response("1234");
  });
  const port = String(server.addr.port);
  const drive = (plugin: string, ...args: string[]) =>
    arm64.run(`${ARM64.build}drive`, [`${ARM64.build}plugins/${plugin}.so`, "127.0.0.1", ...args]);
  const output = await drive(
    "http",
    port,
    "rate=20,duration=1,warmup=0.1,cooldown=0.1,connections=2,drain=30",
  );
  const { counts } = JSON.parse(new TextDecoder().decode(output).split("\n")[0]!);
  assert.ok(counts.sent > 0 && counts.sent <= asked, `${asked} requests came, ${counts.sent} were sent`);
  assert.equal(counts.ok, counts.sent);
  await assert.rejects(drive("nfs_latency", "version=4,nfsport=1,path=/x"), /setup failed: cannot mount nfs/);
}

async function versionOf(arm64: Arm64, program: string): Promise<string> {
  const [command = "", ...args] = [...arm64.wrap, program, "--version"];
  return new TextDecoder().decode(await outputOf(command, args));
}

/** Builds them, and runs as many at a time as there are processors. */
async function runC(arm64: Arm64, names: readonly string[]): Promise<void> {
  const programs = names.map((name) => `${ARM64.build}tests/${name}`);
  const make = ["--no-print-directory", "-C", "tests_c/tests", `-j${navigator.hardwareConcurrency}`];
  const machine = [`TARGET=${ARM64.triple}`, `SYSROOT=${arm64.sysroot}`];
  await outputOf("make", [...make, ...machine, ...programs]);
  const report = await outputOf("sh", ["tests_c/tests/run.sh", ...programs, "--"], {
    RUNNER: `${arm64.qemu} -L ${arm64.sysroot}`,
    JOBS: String(navigator.hardwareConcurrency),
  });
  const total = new TextDecoder().decode(report).trim().split("\n").at(-1);
  assert.match(
    total ?? "",
    new RegExp(`^C tests: \\d+ passed, 0 failed, \\d+ skipped, in ${names.length} programs`),
  );
}

/** The system's clock there is the processor's counter, and is calibrated like that of x86-64. */
async function tryClock(arm64: Arm64): Promise<void> {
  const program = `${ARM64.build}tests/${CLOCK_TEST}`;
  await runC(arm64, [CLOCK_TEST]);
  const [command = "", ...args] = [...arm64.wrap, program];
  const said = new TextDecoder().decode(await outputOf(command, args, { CMOCKA_MESSAGE_OUTPUT: "TAP" }));
  assert.doesNotMatch(said, /^not ok/m, "with the counter, and none is skipped");
}

/** Its index names both, and the part for arm64 runs with the libraries that are in it. */
async function tryImage(arm64: Arm64): Promise<void> {
  using folder = TemporaryFolder.make();
  const made = {
    version: settings.version,
    epoch: 1_700_000_000,
    output: `${folder.path}/`,
    maintainer: "Nobody <nobody@packages.invalid>",
  };
  const parts = await Promise.all([targetNamed(HOST), ARM64].map(async (kind) => {
    const { libraries, missing } = await imageLibraries(kind, await runtimeFor(kind));
    assert.deepEqual(missing, [], kind.name);
    // Other tests pack as well, in the build's folder.
    return { target: { ...kind, build: `${folder.path}/${kind.name}/` }, libraries, notices: "" };
  }));
  const name = await makeImage(made, `${folder.path}/image`, parts);
  await outputOf("tar", ["-xf", `${folder.path}/${name}`, "-C", folder.path]);
  const blob = (descriptor: { digest: string }) =>
    `${folder.path}/blobs/${descriptor.digest.replace(":", "/")}`;
  const json = (path: string) => JSON.parse(Deno.readTextFileSync(path));
  const { manifests } = json(blob(json(`${folder.path}/index.json`).manifests[0]));
  assert.deepEqual(
    manifests.map((one: { platform: { architecture: string } }) => one.platform.architecture),
    ["amd64", "arm64"],
  );
  const root = `${folder.path}/root`;
  Deno.mkdirSync(root);
  for (const layer of json(blob(manifests[1])).layers) {
    await outputOf("tar", ["-xzf", blob(layer), "-C", root]);
  }
  assert.match(await versionOf(arm64.with(root), `${root}/usr/bin/ipbenchd`), VERSION);
}

/** With a daemon that lives until the last fault. */
async function tryTester(arm64: Arm64, t: Deno.TestContext): Promise<void> {
  assert.match(await versionOf(arm64, `${ARM64.dist}ipbenchd`), VERSION);
  await using daemon = await TestDaemon.start({
    path: `${ARM64.dist}ipbenchd`,
    wrap: arm64.wrap,
    args: ["--call-timeout", String(PATIENCE_MS / 1000)],
    readyMs: PATIENCE_MS,
  });
  await t.step("one whole run: counts and columns", () => wholeRun(daemon));
  await t.step("its test's process is killed", async () => {
    const document = await faulty(daemon, daemon.port, 60, async () => {
      kill(await untilRunning(daemon), "SIGKILL");
    });
    assertNamed(document, daemon.port);
  });
  for (const fault of ["rubbish to the daemon", "reset", "silent"] as const) {
    await t.step(`the network: ${fault}`, () => breakNetwork(daemon, fault));
  }
  await t.step("it is killed itself", async () => {
    const document = await faulty(daemon, daemon.port, 60, async () => {
      await untilRunning(daemon);
      await daemon.stop("SIGKILL");
    });
    assertNamed(document, daemon.port);
    // A process that has just been started sees late that nobody wants it any more.
    await assertNoneLeft(daemon.mark, PATIENCE_MS);
  });
}

async function wholeRun(daemon: TestDaemon): Promise<void> {
  await using echo = await EchoProcess.start();
  const client = {
    host: daemon.host,
    port: daemon.port,
    target: "127.0.0.1",
    targetPort: echo.port,
    args: `socktype=udp,bps=20000,size=125,samples=${SAMPLES},drain=30,keep_samples`,
  };
  const document = await runBenchmark(defaultRun("latency", [client]), { limits: PATIENT });
  const said = document.run.reasons.join("; ");
  assert.equal(document.run.failed, undefined, said);
  const [{ counts, latency, engine, environment } = {} as never] = document.clients;
  assert.ok(counts && latency, said);
  assert.equal(environment?.arch, "aarch64");
  assert.equal(counts.sent, SAMPLES, said);
  assert.equal(counts.ok, SAMPLES, said);
  assert.equal(latency.response?.count, SAMPLES);
  assert.equal(engine?.clock, "cntvct");
  assert.match(document.csv, /^20000,\d+,\d+,125,/);
}

/** Runs the shortest test for so long, and lets something happen meanwhile. */
async function faulty(
  daemon: TestDaemon,
  port: number,
  seconds: number,
  fault: () => Promise<void>,
  limits: Partial<Limits> = {},
): Promise<ResultDocument> {
  const client = {
    host: daemon.host,
    port,
    target: "127.0.0.1",
    targetPort: null,
    args: `seconds=${seconds}`,
  };
  const [document] = await Promise.all([
    runBenchmark(defaultRun("dummy", [client]), { limits: { ...PATIENT, ...limits } }),
    fault(),
  ]);
  return document;
}

/** @returns the process of the test, when that has begun */
function untilRunning(daemon: TestDaemon): Promise<number> {
  return until("a test runs", PATIENCE_MS, () => daemon.testPid());
}

function assertNamed({ run, clients }: ResultDocument, port: number): void {
  const said = [...run.reasons, ...clients.flatMap(({ error }) => error ?? [])].join("; ");
  assert.ok(run.failed === true && run.verdict === "INVALID", said);
  assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port}\\b`));
}

/** The controller names the daemon, which gives its slot to the next. */
async function breakNetwork(daemon: TestDaemon, fault: FaultPlan["fault"]): Promise<void> {
  const moment = fault === "rubbish to the daemon" ? "SETUP" : "waiting";
  const delaysMs = { warmup: 0, measured: 0, marshall: 0, transfer: 0, output: 0 };
  await using proxy = await FaultProxy.start(daemon, { moment, fault, side: "tester", delaysMs });
  // Nobody says anything any more: only then is a deadline waited for.
  const limits = fault === "silent" ? { graceMs: LIMITS.graceMs, finishMs: LIMITS.finishMs } : {};
  assertNamed(await faulty(daemon, proxy.port, 1, () => Promise.resolve(), limits), proxy.port);
  await proxy[Symbol.asyncDispose]();
  await daemon.assertFree(PATIENCE_MS);
}
