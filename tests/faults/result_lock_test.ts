/** Two runs at the same time that are to write one file: the second is refused, before it does anything. */
import assert from "node:assert/strict";
import { FileLock } from "../../controller/store/file_lock.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { xmlOf } from "../fixtures/run_config.ts";
import { RunningRun } from "../fixtures/running_run.ts";
import {
  hasNamespaces,
  kill,
  programCommand,
  runProgram,
  soundVerdict,
  TestDaemon,
  until,
} from "../util/mod.ts";

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

/** A daemon's port on which nobody answers, that knows how often somebody has come. */
class Doorbell implements AsyncDisposable {
  rings = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #ended = this.#listen();
  readonly host = "127.0.0.1";
  readonly port = (this.#listener.addr as Deno.NetAddr).port;

  async #listen(): Promise<void> {
    for await (const connection of this.#listener) {
      this.rings++;
      connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#ended;
  }
}

Deno.test("a run that would write what another one writes ends before it connects; when that is killed, the next goes on", async () => {
  await using quick = await TestDaemon.start();
  await using slow = await TestDaemon.start({ ip: "127.0.0.2" });
  await using bell = new Doorbell();
  using folder = TemporaryFolder.make();
  const config = folder.write("bell.xml", xmlOf(dummyConfig([bell], "seconds=0.1")));
  const first = { host: quick.host, port: quick.port, args: "seconds=0.2,text=first" };
  await using run = new RunningRun(dummyConfig([first, slow], "seconds=60"));
  const { json, pid } = run;
  await run.untilFirstResult();
  const journal = await Deno.readTextFile(`${json}.journal`);

  const other = await runProgram("ipbench", ["run", config, "--json", json]);
  assert.equal(other.code, 2);
  assert.equal(other.stdout, "");
  assert.equal(
    other.stderr,
    `ipbench: ${json} is being written by another run (process ${pid} on ${Deno.hostname()}): ` +
      "wait until that has ended, or name another file\n",
  );
  const recovery = await runProgram("ipbench", ["recover", json]);
  assert.equal(recovery.code, 1);
  assert.match(recovery.stderr, /nothing to recover: .*result\.json is being written by another run/);
  assert.equal(bell.rings, 0, "nobody was asked anything");
  const since = await Deno.readTextFile(`${json}.journal`);
  assert.ok(since.startsWith(journal), "the run that lives has what it had");

  await run.end("SIGKILL");
  assert.deepEqual(namesIn(json.slice(0, -"/result.json".length)), [
    "result.json.journal",
    "result.json.lock",
    "run.xml",
  ]);
  await quick.assertFree(5_000);
  const next = folder.write("next.xml", xmlOf(dummyConfig([quick], "seconds=0.1")));
  const after = await runProgram("ipbench", ["run", next, "--json", json]);
  assert.equal(after.code, 0, after.stderr);
  assert.match(after.stderr, /held the results of an earlier run that died/);
  soundVerdict(parseDocument(await Deno.readTextFile(json)));
  await assert.rejects(Deno.stat(`${json}.lock`), Deno.errors.NotFound);
});

Deno.test("searches and sweeps are refused in the same way; what nobody holds is written", async () => {
  await using bell = new Doorbell();
  using folder = TemporaryFolder.make();
  const json = `${folder.path}/knee.json`;
  const config = folder.write(
    "run.xml",
    xmlOf({ ...dummyConfig([bell], ""), test: "latency", args: "socktype=udp" }),
  );
  const commands = [
    ["search", config, "--max", "1M", "--json", json],
    ["rfc2544", config, "--line-rate", "1G", "--json", json],
    ["run", config, "--json", json],
    ["sweep", config, "--over", "bps=1M,2M", "--out", folder.path],
    ["search", config, "--max", "1M", "--out", folder.path],
    ["rfc2544", config, "--line-rate", "1G", "--out", folder.path],
  ];
  {
    await using _held = await FileLock.take(json);
    await using _index = await FileLock.take(`${folder.path}/index.json`);
    await using _trials = await FileLock.take(`${folder.path}/trial-0001.json`);
    for (const command of commands) {
      const { code, stderr } = await runProgram("ipbench", command);
      assert.equal(code, 2, stderr);
      const file = command.includes("--json") ? "knee" : command[0] === "sweep" ? "index" : "trial-0001";
      assert.match(
        stderr,
        new RegExp(`/${file}\\.json is being written by another run \\(process ${Deno.pid} on `),
      );
    }
    assert.equal(bell.rings, 0);
  }
  assert.deepEqual(namesIn(folder.path), ["run.xml"]);
  const { code } = await runProgram("ipbench", ["run", config, "--json", json]);
  assert.equal(code, 1, "that daemon does not answer");
  assert.ok(bell.rings > 0);
  assert.deepEqual(namesIn(folder.path), ["knee.json", "run.xml"]);
});

Deno.test("of many that want a file at the same time one at a time has it, and nothing is left", async () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/result.json`;
  let holders = 0, most = 0, turns = 0;
  await Promise.all(Array.from({ length: 20 }, async () => {
    for (let n = 0; n < 50;) {
      const lock = await FileLock.take(path).catch(() => null);
      if (lock === null) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      most = Math.max(most, ++holders);
      await Promise.resolve();
      holders--;
      turns++;
      n++;
      await lock[Symbol.asyncDispose]();
    }
  }));
  assert.equal(turns, 1000);
  assert.equal(most, 1);
  assert.deepEqual(namesIn(folder.path), []);
});

Deno.test("a run that is ended before it begins leaves no lock", async () => {
  using folder = TemporaryFolder.make();
  const { path } = folder;
  const config = folder.write("run.xml", xmlOf(dummyConfig([{ host: "127.0.0.1", port: 1 }], "seconds=0.1")));
  const made = await new Deno.Command("mkfifo", { args: [`${path}/rows`] }).output();
  assert.ok(made.success);
  const { path: program, args } = programCommand("ipbench");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // It waits for a reader of its rows, with the lock of its document.
    const child = new Deno.Command(program, {
      args: [...args, "run", config, "--json", `${path}/a.json`, "--csv", `${path}/rows`, "--history", "off"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(
      "it has the lock",
      10_000,
      () => Deno.stat(`${path}/a.json.lock`).then(({ size }) => size > 0, () => false),
    );
    kill(child.pid, signal);
    const { code, signal: by } = await child.status;
    assert.deepEqual([code, by], [130, null], signal);
    assert.deepEqual(namesIn(path), ["rows", "run.xml"], signal);
  }
});

Deno.test({
  name: "a disk that is full keeps no lock",
  ignore: !hasNamespaces(),
  async fn() {
    using folder = TemporaryFolder.make();
    const config = folder.write(
      "run.xml",
      xmlOf(dummyConfig([{ host: "127.0.0.1", port: 1 }], "seconds=0.1")),
    );
    await Deno.mkdir(`${folder.path}/disk`);
    const { path, args } = programCommand("ipbench");
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        ...["-m", "--propagation", "private", "bash", "-c"],
        `mount -t tmpfs -o size=64k tmpfs "$1" && cd "$1" && { dd if=/dev/zero of=filler bs=1k count=100 2>/dev/null; shift
         "$@"; s=$?; ls -a; "$1" plugin new mine --client; echo "$?"; exit $s; }`,
        ...["bash", `${folder.path}/disk`, path, ...args],
        ...["run", config, "--json", `${folder.path}/disk/a.json`, "--history", "off"],
      ],
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    assert.equal(code, 2, text.decode(stderr));
    assert.equal(
      text.decode(stderr).replaceAll(`${folder.path}/disk/`, ""),
      "ipbench: cannot write a.json.lock: No space left on device\n" +
        "ipbench: cannot write mine/plugin.h: No space left on device\n",
    );
    assert.deepEqual(text.decode(stdout).split("\n"), [".", "..", "filler", "1", ""]);
  },
});
