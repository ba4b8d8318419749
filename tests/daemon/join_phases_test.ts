/**
 * Many real daemons that dial in, of which some are killed in each phase of the run, and some of those are started again,
 * as a scheduler does.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ResultDocument } from "../../results/document/document.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { fixturePlugins, freePort, JoinedDaemon, keepLines, programCommand, until } from "../util/mod.ts";

const DAEMONS = Deno.env.get("IPBENCH_TEST_QUICK") === "1" ? 8 : 64;
const SECRET = "sixteen bytes, or rather more of them";
/** Dozens of daemons start on a few processors. */
const PATIENCE_MS = 180_000;

/** A run whose words can be waited for. */
class WatchedRun {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  constructor(readonly folder: TemporaryFolder, args: readonly string[]) {
    const { path, args: before } = programCommand("ipbench");
    this.#child = new Deno.Command(path, {
      args: [...before, "run", "--json", `${folder.path}/result.json`, ...args],
      env: { NO_COLOR: "1" },
      ...{ stdin: "null", stdout: "null", stderr: "piped" },
    }).spawn();
    this.#reading = keepLines(this.#child.stderr, this.lines);
  }

  async said(beginning: string): Promise<void> {
    await until(
      `"${beginning}" is said`,
      PATIENCE_MS,
      () => this.lines.some((line) => line.startsWith(beginning)),
    );
  }

  async end(): Promise<{ code: number; document: ResultDocument }> {
    const { code } = await this.#child.status;
    await this.#reading;
    return { code, document: parseDocument(await Deno.readTextFile(`${this.folder.path}/result.json`)) };
  }
}

async function logged(daemon: JoinedDaemon, pattern: RegExp): Promise<void> {
  await until(`${pattern} is logged`, PATIENCE_MS, () => daemon.log.some((line) => pattern.test(line)));
}

Deno.test(`${DAEMONS} daemons: two are lost before START and started again, others are lost and named`, async () => {
  using folder = TemporaryFolder.make();
  const secret = folder.write("secret", SECRET);
  Deno.chmodSync(secret, 0o600);
  const port = freePort();
  const start = (index: number) =>
    new JoinedDaemon(`127.0.0.1:${port}`, ["--debug", "--secret-file", secret, "--index", String(index)]);
  const run = new WatchedRun(folder, [
    ...["--listen", `127.0.0.1:${port}`, "--expect", String(DAEMONS), "--require", String(DAEMONS - 2)],
    ...["--wait", "170s", "--secret-file", secret, "--test", "dummy", "--test-args", "seconds=4"],
  ]);
  const daemons: JoinedDaemon[] = [];
  try {
    // The first two to come are killed as soon as they are there, and when they are set up.
    for (const [index, moment] of [[1, /joined/], [2, /is set up|setup|SETUP/i]] as const) {
      const lost = start(index);
      daemons.push(lost);
      await logged(lost, index === 1 ? moment : /joined/);
      if (index === 2) await new Promise((resolve) => setTimeout(resolve, 2_000));
      await lost.stop("SIGKILL");
      daemons.push(start(index));
    }
    // One more is lost when all are set up but the last one, and does not come again.
    const away = start(3);
    daemons.push(away);
    await logged(away, /joined/);
    for (let index = 4; index < DAEMONS; index++) daemons.push(start(index));
    for (const daemon of daemons.slice(-(DAEMONS - 4))) await logged(daemon, /joined/);
    await away.stop("SIGKILL");
    const victim = daemons.at(-1)!;
    daemons.push(start(0));
    await run.said("running");
    await victim.stop("SIGKILL");
    const { code, document } = await run.end();
    assert.ok(code === 0 || code === 1, run.lines.join("\n"));
    const failed = document.clients.flatMap(({ error }, n) => error === undefined ? [] : [n]);
    assert.deepEqual(failed, [3, DAEMONS - 1], run.lines.join("\n"));
    assert.equal(document.run.failed, undefined, run.lines.join("\n"));
    assert.match(document.clients.at(-1)?.error ?? "", new RegExp(`client ${DAEMONS - 1}@[^:]+:\\d+: run: `));
    for (const index of failed) {
      assert.ok(run.lines.some((line) => line.includes(`client ${index}@`)), `${index} is not named`);
    }
  } finally {
    await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
  }
});

Deno.test("a target that is lost before START and started again takes its old place", async () => {
  using folder = TemporaryFolder.make();
  const port = freePort();
  const place = `127.0.0.1:${port}`;
  const run = new WatchedRun(folder, [
    ...["--listen", place, "--expect", "1", "--expect-targets", "1", "--wait", "120s"],
    ...["--test", "dummy", "--test-args", "seconds=0.5", "--target-test", "cpu_target"],
  ]);
  const lost = new JoinedDaemon(place, ["--target", "--index", "0"]);
  await logged(lost, /joined/);
  await lost.stop("SIGKILL");
  // Without a number it is known by its machine's name.
  const lostAgain = new JoinedDaemon(place, ["--target"]);
  await run.said("setting up 1 client(s)");
  await lostAgain.stop("SIGKILL");
  await using _last = new JoinedDaemon(place, ["--target", "--index", "0"]);
  await using _tester = new JoinedDaemon(place);
  const { code, document } = await run.end();
  const said = run.lines.join("\n");
  assert.equal(code, 0, said);
  const losses = run.lines.filter((line) =>
    /0@\S+: the connection is lost; the place of target 0/.test(line)
  );
  // The first one may be gone before the controller has spoken to it.
  assert.ok(losses.length === 1 || losses.length === 2, said);
  const [target] = document.targets;
  assert.ok(target !== undefined && target.error === undefined, said);
  assert.ok(target.text !== "" && target.clock !== null && target.environment !== null, said);
  assert.ok(losses.every((line) => !line.includes(`:${target.port}: `)), said);
  for (const daemon of [lost, lostAgain]) await daemon[Symbol.asyncDispose]();
});

Deno.test("a target that is lost before START and does not come again ends the run, named", async () => {
  using folder = TemporaryFolder.make();
  const port = freePort();
  const place = `127.0.0.1:${port}`;
  const run = new WatchedRun(folder, [
    ...["--listen", place, "--expect", "1", "--expect-targets", "1", "--wait", "15s"],
    ...["--test", "dummy", "--test-args", "seconds=0.5", "--target-test", "cpu_target"],
  ]);
  await using lost = new JoinedDaemon(place, ["--target"]);
  await run.said("setting up 1 client(s)");
  await lost.stop("SIGKILL");
  await using _tester = new JoinedDaemon(place);
  const { code, document } = await run.end();
  assert.equal(code, 1, run.lines.join("\n"));
  assert.match(
    document.targets[0]?.error ?? "",
    /^target 0@\S+: clock: .*has not dialled in again within 15 s/,
  );
});

Deno.test("a daemon that is lost while its result is made is named, and the others' results count", async () => {
  using folder = TemporaryFolder.make();
  const port = freePort(), plugins = ["--plugin-dir", fixturePlugins()];
  const place = `127.0.0.1:${port}`;
  const run = new WatchedRun(folder, [
    ...["--listen", place, "--expect", "2", "--require", "1", "--wait", "60s"],
    ...["--test", "fault_slow_marshall", "--test-target", "127.0.0.1", ...plugins],
  ]);
  await using _stays = new JoinedDaemon(place, ["--index", "0", ...plugins]);
  await using lost = new JoinedDaemon(place, ["--index", "1", ...plugins]);
  await run.said("running");
  await new Promise((resolve) => setTimeout(resolve, 500));
  await lost.stop("SIGKILL");
  const { document } = await run.end();
  assert.deepEqual(
    document.clients.map(({ error }) => error === undefined),
    [true, false],
    run.lines.join("\n"),
  );
  assert.equal(document.run.failed, undefined);
});
