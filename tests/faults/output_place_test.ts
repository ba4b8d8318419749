/**
 * Where output goes: what is no regular file is written in place, links of others are left alone, and a disk that is full
 * costs neither row nor verdict. Everything is in a folder of the test's own; a full disk is a small tmpfs in a mount
 * namespace of its own.
 */
import assert from "node:assert/strict";
import { lchownSync } from "node:fs";
import { parseDocument } from "../../results/document/parse.ts";
import { dummyConfig } from "../fixtures/dummy_run.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { xmlOf } from "../fixtures/run_config.ts";
import {
  hasNamespaces,
  kill,
  programCommand,
  runProgram,
  soundlySaid,
  soundVerdict,
  TestDaemon,
  until,
} from "../util/mod.ts";

const SOMEBODY_UID = 65534;

/** A shell with the program as "$1" and what follows it; stdout and stderr are pipes. */
async function shell(
  script: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { path, args: first } = programCommand("ipbench");
  const child = new Deno.Command("timeout", {
    args: [
      "60",
      "bash",
      "-c",
      `ipbench() { ${[path, ...first].join(" ")} "$@"; }; ${script}`,
      "bash",
      ...args,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await child.output();
  const [text, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: text!, stderr: said! };
}

/** A configuration whose run is over at once, in a folder. */
async function quickRun(task: (folder: TemporaryFolder, config: string) => Promise<void>): Promise<void> {
  await using daemon = await TestDaemon.start();
  using folder = TemporaryFolder.make();
  await task(folder, folder.write("run.xml", xmlOf(dummyConfig([daemon], "seconds=0.1,text=row"))));
}

Deno.test("a pipe stays a pipe and gets the document, whatever it is called", () =>
  quickRun(async (folder, config) => {
    const { path } = folder;
    const substituted = await shell(
      `ipbench run "$1" --json >(cat >"$2/seen"; touch "$2/done"); `,
      config,
      path,
    );
    assert.equal(substituted.code, 0, substituted.stderr);
    await until("the reader is done", 10_000, () => Deno.stat(`${path}/done`).then(() => true, () => false));
    soundVerdict(parseDocument(await Deno.readTextFile(`${path}/seen`)));

    const fifo = await shell(
      `mkfifo "$2/fifo"; cat "$2/fifo" >"$2/read" & ipbench run "$1" --json "$2/fifo"; s=$?; wait; exit $s`,
      config,
      path,
    );
    assert.equal(fifo.code, 0, fifo.stderr);
    assert.ok((await Deno.lstat(`${path}/fifo`)).isFifo);
    soundVerdict(parseDocument(await Deno.readTextFile(`${path}/read`)));

    if (Deno.uid() !== 0) return; // only root can make a device, here one of its own with the null device's numbers
    const device = await shell(
      `mknod "$2/null" c 1 3 && ipbench run "$1" --json "$2/null" --csv "$2/null"`,
      config,
      path,
    );
    assert.equal(device.code, 0, device.stderr);
    assert.ok((await Deno.lstat(`${path}/null`)).isCharDevice);
    const left = [...Deno.readDirSync(path)].map(({ name }) => name).filter((name) =>
      /lock|journal|tmp/.test(name)
    );
    assert.deepEqual(left, []);
  }));

Deno.test("- and /dev/stdout are the standard output, and the row is then on stderr", () =>
  quickRun(async (folder, config) => {
    for (const name of ["-", "/dev/stdout", "/dev/fd/1"]) {
      const { code, stdout, stderr } = await runProgram("ipbench", ["run", config, "--json", name], {
        cwd: folder.path,
      });
      assert.equal(code, 0, stderr);
      const document = parseDocument(stdout);
      assert.ok(document.csv !== "" && stderr.includes(document.csv), stderr);
    }
    const redirected = await shell(`ipbench run "$1" --json /dev/stdout >"$2/out.json"`, config, folder.path);
    soundVerdict(parseDocument(await Deno.readTextFile(`${folder.path}/out.json`)));
    assert.match(redirected.stderr, /row/);
    const csv = await runProgram("ipbench", ["run", config, "--csv", "-"], { cwd: folder.path });
    assert.equal(csv.stdout.split("\n").length >= 2 && csv.code, 0, csv.stderr);
    assert.match(csv.stderr, /row/);
    const both = await runProgram("ipbench", ["run", config, "--csv", "-", "--json", "-"]);
    assert.equal(both.code, 2);
    await assert.rejects(Deno.lstat(`${folder.path}/-`), Deno.errors.NotFound);

    const json = `${folder.path}/a.json`;
    await runProgram("ipbench", ["run", config, "--json", json]);
    const page = await runProgram("ipbench", ["report", json, "-o", "-"], { cwd: folder.path });
    assert.match(page.stdout, /^<!doctype html>/i);
    const compared = await runProgram("ipbench", ["report", json, "--markdown", "/dev/stdout"]);
    assert.match(compared.stdout, /\|/);
    await assert.rejects(Deno.lstat(`${folder.path}/-`), Deno.errors.NotFound);
  }));

Deno.test("links are followed where they are the user's, and left alone where they are somebody else's", () =>
  quickRun(async (folder, config) => {
    const { path } = folder;
    await Deno.writeTextFile(`${path}/mine.json`, "{}");
    await Deno.symlink("mine.json", `${path}/link.json`);
    const followed = await runProgram("ipbench", ["run", config, "--json", `${path}/link.json`]);
    assert.equal(followed.code, 0, followed.stderr);
    assert.ok((await Deno.lstat(`${path}/link.json`)).isSymlink);
    soundVerdict(parseDocument(await Deno.readTextFile(`${path}/mine.json`)));

    await Deno.writeTextFile(`${path}/victim`, "precious");
    for (const [n, beside] of ["", ".lock", ".journal"].entries()) {
      const planted = `${path}/r${n}.json${beside}`;
      await Deno.symlink("victim", planted);
      if (beside === "") {
        if (Deno.uid() !== 0) continue; // only root can make a link of somebody else
        lchownSync(planted, SOMEBODY_UID, SOMEBODY_UID);
      }
      const { code, stderr } = await runProgram("ipbench", ["run", config, "--json", `${path}/r${n}.json`]);
      assert.equal(await Deno.readTextFile(`${path}/victim`), "precious", `${beside}: ${stderr}`);
      assert.ok((await Deno.lstat(planted)).isSymlink, `${beside}: ${stderr}`);
      if (beside !== ".journal") assert.equal(code, 2, stderr);
      else assert.match(stderr, /cannot be kept on disk \(.*is a link/);
    }
  }));

/** Runs a script where "$2" is a full disk's folder; the run has its first result before the disk is filled. */
Deno.test({
  name: "a full disk costs neither row nor verdict, and recover gives the same verdict",
  ignore: !hasNamespaces(),
  fn: fullDisk,
});

async function fullDisk(): Promise<void> {
  await using quick = await TestDaemon.start();
  await using slow = await TestDaemon.start({ ip: "127.0.0.2" });
  using folder = TemporaryFolder.make();
  const first = { host: quick.host, port: quick.port, args: "seconds=0.1,text=first" };
  const config = folder.write("run.xml", xmlOf(dummyConfig([first, slow], "seconds=4,text=second")));
  const disk = `${folder.path}/disk`;
  await Deno.mkdir(disk);
  const { path, args } = programCommand("ipbench");
  const child = new Deno.Command("unshare", {
    args: [
      ...["-m", "--propagation", "private", "bash", "-c"],
      `mount -t tmpfs -o size=512k tmpfs "$2" || exit 99
       run() { ${[path, ...args].join(" ")} "$@"; }
       run run "$1" --json "$2/r.json" >"$3/out" 2>"$3/err" & pid=$!
       for i in $(seq 100); do grep -q '^{"client":0' "$2/r.json.journal" 2>/dev/null && break; sleep 0.1; done
       head -c 4000 /dev/zero >"$2/room"; dd if=/dev/zero of="$2/filler" bs=1k 2>/dev/null; : >"$2/room"
       wait $pid; echo "status $?"
       ls "$2"
       rm -f "$2/filler" "$2/room"
       run recover "$2/r.json" 2>&1; echo "recovered $?"
       cat "$2/r.json"`,
      ...["bash", config, disk, folder.path],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => kill(child.pid, "SIGKILL"), 60_000);
  const output = await child.output();
  clearTimeout(timer);
  const told = new TextDecoder().decode(output.stdout);
  const stderr = await Deno.readTextFile(`${folder.path}/err`);
  const row = await Deno.readTextFile(`${folder.path}/out`);
  assert.match(row, /first[^]*second/, stderr);
  assert.ok(soundlySaid(stderr), stderr);
  assert.match(stderr, /cannot write .*r\.json: .*space.*ipbench recover/);
  assert.doesNotMatch(stderr, /result document:/);
  assert.match(told, /^status 1$/m, told + stderr);
  assert.ok(soundlySaid(/recovered 2 of 2 client results[^]*/.exec(told)?.[0] ?? ""), told);
  assert.match(told, /^recovered 0$/m);
  const document = parseDocument(told.slice(told.indexOf("\n{") + 1));
  soundVerdict(document);
  assert.equal(document.run.failed, undefined);
  assert.equal(document.csv, row);
}

Deno.test("rows of another header are refused before anything is run", async () => {
  using folder = TemporaryFolder.make();
  const csv = folder.write(
    "rows.csv",
    "Requested_Throughput,Receive_Throughput,Send_Throughput,Packet_Size\n1,2,3,4\n",
  );
  const before = await Deno.readTextFile(csv);
  // Nobody listens there: a run that begins would say so.
  const { code, stdout, stderr } = await runProgram("ipbench", [
    ...["run", "--client", "127.0.0.1:9", "--test", "discard", "--test-target", "127.0.0.1"],
    ...["--test-args", "socktype=udp", "--csv", csv],
  ]);
  assert.equal(code, 2, stderr);
  assert.equal(stdout, "");
  assert.match(
    stderr,
    /rows\.csv: its header is of other rows \(column 2 is Receive_Throughput, and of this run it is Send/,
  );
  assert.doesNotMatch(stderr, /connecting/);
  assert.equal(await Deno.readTextFile(csv), before);
});
