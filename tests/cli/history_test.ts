/** `ipbench history`, and what runs leave in it. */
import assert from "node:assert/strict";
import { makeDocument } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import {
  hasNamespaces,
  programCommand,
  runProgram,
  seededNormal,
  soundVerdict,
  TestDaemon,
} from "../util/mod.ts";

const DUMMY = ["--test", "dummy", "--test-target", "127.0.0.1", "--test-args", "seconds=0.1"];

/** Runs the program with a history below a folder as the user's own. */
function ipbench(folder: string, args: string[], env: Record<string, string> = {}) {
  return runProgram("ipbench", args, {
    env: { IPBENCH_HISTORY: "", XDG_DATA_HOME: folder, ...env },
    cwd: folder,
  });
}

const OWN = "ipbench/history.sqlite";

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("runs and sweeps are kept with labels and commit; the original's command lines keep nothing unasked", async () => {
  await using tester = await TestDaemon.start();
  using folder = TemporaryFolder.make();
  const args = [...DUMMY, "-c", `127.0.0.1:${tester.port}`];
  const original = await ipbench(folder.path, args);
  assert.equal(original.code, 0, original.stderr);
  assert.equal(await isThere(`${folder.path}/ipbench`), false);

  const run = await ipbench(folder.path, [
    "run",
    ...args,
    "--label",
    "board=tx2",
    "--label",
    "commit=abc123",
  ]);
  assert.deepEqual([run.code, run.stdout], [0, original.stdout]);
  assert.doesNotMatch(run.stderr, /history/);
  const sweep = ["sweep", ...args, "--over", "seconds=0.1,0.2", "--repeat", "2", "--out", "s", "--quiet"];
  assert.equal((await ipbench(folder.path, sweep)).code, 0);
  const off = await ipbench(folder.path, ["run", ...args, "--history", "off"]);
  assert.equal(off.code, 0);

  const list = await ipbench(folder.path, ["history", "list"]);
  const lines = list.stdout.trimEnd().split("\n").slice(1);
  assert.equal(lines.length, 5, list.stdout);
  assert.match(
    lines[4]!,
    /^[0-9a-f]{10} {2}\d{4}-\S+ \S+ UTC {2}(?:VALID|SUSPECT) +dummy +abc123 +board=tx2$/,
  );
  const series = await ipbench(folder.path, ["history", "series"]);
  assert.deepEqual(series.stdout.match(/seconds=\S+/g), ["seconds=0.1", "seconds=0.2"]);
  const labelled = await ipbench(folder.path, ["history", "list", "--label", "board=tx2"]);
  assert.equal(labelled.stdout.trimEnd().split("\n").length, 2);

  const named = await ipbench(folder.path, [...args, "--history", "own.sqlite"]);
  assert.deepEqual([named.code, named.stdout], [0, original.stdout]);
  assert.equal(await isThere(`${folder.path}/own.sqlite`), true);
});

Deno.test("a history that cannot be written is a warning; one that was named is refused before the run", async () => {
  await using tester = await TestDaemon.start();
  using folder = TemporaryFolder.make();
  const args = ["run", ...DUMMY, "-c", `127.0.0.1:${tester.port}`, "--json", "r.json"];
  folder.write(OWN, "this is no database".repeat(100));
  const kept = await ipbench(folder.path, args);
  assert.equal(kept.code, 0, kept.stderr);
  assert.match(kept.stderr, /warning: the history \S+ is no history of ipbench.*; nothing is kept in it/);
  soundVerdict(JSON.parse(await Deno.readTextFile(`${folder.path}/r.json`)));
  const refused = await ipbench(folder.path, [...args, "--history", OWN]);
  assert.deepEqual([refused.code, refused.stdout], [2, ""]);
  assert.match(refused.stderr, /^ipbench: the history \S+ is no history of ipbench/);
});

Deno.test("import, check, ack and show go together", async () => {
  using folder = TemporaryFolder.make();
  const normal = seededNormal(1);
  for (let n = 0; n < 40; n++) {
    const slowdown = (n < 30 ? 1 : 1.2) * (1 + 0.01 * normal());
    folder.write(
      `results/${n}.json`,
      makeDocument({ samples: 2000, intervals: 2, seed: n + 1, at: 60 * n, slowdown }),
    );
  }
  const taken = await ipbench(folder.path, ["history", "import", "results"]);
  assert.deepEqual([taken.code, taken.stdout], [0, ""]);
  assert.match(taken.stderr, /40 taken in, 0 there already/);
  assert.match((await ipbench(folder.path, ["history", "import", "results"])).stderr, /0 taken in, 40 there/);

  const check = ["history", "check", "--fail", "--metric", "p50"];
  const found = await ipbench(folder.path, check);
  assert.equal(found.code, 1, found.stderr);
  assert.match(
    found.stdout,
    /^worse: response p50 \+\S+ % \(95 %: \+\S+ % … \+\S+ %\), .+ → .+\n {2}series /,
  );
  const since = await ipbench(folder.path, [...check, "--since", "2026-11-24"]);
  assert.deepEqual([since.code, since.stdout], [0, ""]);
  const wrong = await ipbench(folder.path, [...check, "--since", "nothing"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /--since nothing: .* no run of such a commit or tag/);

  const [id, metric, run] = found.stdout.trimEnd().split("\n").at(-1)!.trim().split(" ") as [
    string,
    string,
    string,
  ];
  const ack = await ipbench(folder.path, ["history", "ack", id, metric, run, "--reason", "wanted"]);
  assert.equal(ack.code, 0, ack.stderr);
  const accepted = await ipbench(folder.path, check);
  assert.equal(accepted.code, 0);
  assert.match(accepted.stdout, /accepted: wanted/);

  const bencher = await ipbench(folder.path, ["history", "export", "-f", "bencher"]);
  assert.equal(Object.keys(JSON.parse(bencher.stdout)).length, 1);
  const otava = await ipbench(folder.path, ["history", "export", "-f", "otava", "-o", "otava"]);
  assert.match(otava.stderr, /1 series and otava\.yaml written to otava/);
  const prometheus = await ipbench(folder.path, ["history", "export", "-f", "prometheus"]);
  assert.match(prometheus.stdout, /^ipbench_verdict\{.*\} [01]$/m);

  const shown = await ipbench(folder.path, ["history", "show", run, "--json"]);
  assert.equal(JSON.parse(shown.stdout).run.id.slice(0, 10), run);
  await ipbench(folder.path, ["history", "annotate", run, "new switch", "--label", "rack=3"]);
  assert.match(
    (await ipbench(folder.path, ["history", "list", "--find", "switch"])).stdout,
    /rack=3; new switch/,
  );
  const pruned = await ipbench(folder.path, ["history", "prune", "--before", "2026-11-22T22:10:30Z"]);
  assert.match(pruned.stderr, /11 runs from before/);
  assert.match((await ipbench(folder.path, ["history", "verify"])).stderr, /is whole: 29 runs/);
});

Deno.test("two that write at once both get everything in", async () => {
  using folder = TemporaryFolder.make();
  for (let n = 0; n < 30; n++) {
    folder.write(`${n % 2}/${n}.json`, makeDocument({ samples: 100, intervals: 2, seed: n + 1, at: n }));
  }
  const both = await Promise.all(["0", "1"].map((of) => ipbench(folder.path, ["history", "import", of])));
  for (const { code, stderr } of both) {
    assert.deepEqual([code, /15 taken in/.test(stderr)], [0, true], stderr);
  }
  assert.match((await ipbench(folder.path, ["history", "verify"])).stderr, /is whole: 30 runs/);
});

/** "$1" is the disk's folder, "$2" one with documents; the program's command line follows. */
const FULL_DISK = `
mount -t tmpfs -o size=512k tmpfs "$1" || exit 99
disk=$1 room=$2; shift 2
"$@" import "$room"/0.json --history "$disk/h.sqlite" 2>"$room/err0" || exit 98
dd if=/dev/zero of="$disk/filler" bs=1k 2>/dev/null
"$@" import "$room" --history "$disk/h.sqlite" 2>"$room/err"; echo $? >"$room/status"
rm "$disk/filler"
"$@" verify --history "$disk/h.sqlite" 2>"$room/whole"
"$@" import "$room" --history "$disk/h.sqlite" 2>"$room/again"`;

Deno.test({
  name: "a full disk is told, the file stays whole, and a later try goes in",
  ignore: !hasNamespaces(),
}, async () => {
  using folder = TemporaryFolder.make();
  for (let n = 0; n < 8; n++) {
    folder.write(`room/${n}.json`, makeDocument({ samples: 500, intervals: 2, seed: n + 1, at: n }));
  }
  await Deno.mkdir(`${folder.path}/disk`);
  const program = programCommand("ipbench");
  const { success } = await new Deno.Command("unshare", {
    args: [
      ...["-m", "--propagation", "private", "bash", "-c", FULL_DISK, "bash", `${folder.path}/disk`],
      ...[`${folder.path}/room`, program.path, ...program.args, "history"],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assert.ok(success);
  const read = (name: string) => Deno.readTextFile(`${folder.path}/room/${name}`);
  assert.equal(await read("status"), "1\n", await read("err"));
  assert.match(
    await read("err"),
    /the history \S+h\.sqlite (has no room: the disk is full|cannot be read or written)/,
  );
  assert.match(await read("whole"), /is whole: [1-7] runs/);
  assert.match(await read("again"), /8 there already|[1-7] taken in/);
});

Deno.test("what is no date takes nothing out, and what only changes a history makes none", async () => {
  using folder = TemporaryFolder.make();
  for (
    const args of [["prune", "--before", "2026-01-01"], ["annotate", "abc", "note"], [
      "ack",
      "abc",
      "p99",
      "def",
      "--reason",
      "none",
    ]]
  ) {
    const { code, stderr } = await ipbench(folder.path, ["history", ...args]);
    assert.deepEqual([code, await isThere(`${folder.path}/ipbench`)], [1, false], stderr);
    assert.match(stderr, /^ipbench: there is no history \S+ yet; /);
  }
  folder.write("one.json", makeDocument({ samples: 200, intervals: 2 }));
  assert.equal((await ipbench(folder.path, ["history", "import", "one.json"])).code, 0);
  for (const date of ["2030-02-31", "2030-13-01", "2030", "12", "tomorrow", ""]) {
    const { code, stderr } = await ipbench(folder.path, ["history", "prune", "--before", date]);
    assert.equal(code, 2, date);
    assert.match(stderr, /expected a date such as 2026-01-31/);
  }
  assert.match((await ipbench(folder.path, ["history", "verify"])).stderr, /is whole: 1 runs/);
});

Deno.test({ name: "a history in a folder that is read-only is read", ignore: !hasNamespaces() }, async () => {
  using folder = TemporaryFolder.make();
  folder.write("one.json", makeDocument({ samples: 200, intervals: 2 }));
  const path = `${folder.path}/a b?#%.sqlite`;
  const made = await ipbench(folder.path, ["history", "import", "one.json", "--history", path]);
  assert.equal(made.code, 0, made.stderr);
  const program = programCommand("ipbench");
  const readOnly = `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"`;
  const ask = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        ...["-m", "--propagation", "private", "sh", "-c", readOnly, folder.path, program.path],
        ...[...program.args, "history", ...args, "--history", path],
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  };
  const list = await ask("list");
  assert.equal(list.code, 0, list.text);
  assert.match(list.text, / latency$/m);
  const verified = await ask("verify");
  assert.match(verified.text, /is whole: 1 runs/);
  const written = await ask("import", "one.json");
  assert.equal(written.code, 1);
  assert.match(written.text, /cannot be (opened|written)/);
});
