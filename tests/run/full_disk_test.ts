/**
 * A disk that becomes full in the middle of a search, a sweep and `rfc2544`: they go on, say what could not be written, and
 * end with a status that is not 0; what is in the folder is whole. The disk is a small tmpfs in a mount namespace.
 */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { hasNamespaces, kill, programCommand, TestDaemon } from "../util/mod.ts";

const ignore = !hasNamespaces();

/** Short waits, and no verdict of INVALID because tests run on busy machines. */
const TEST_ARGS = "socktype=udp,size=64,rt=5,drain=50ms,late=20ms,noise=10ms," +
  "limit_lateness_invalid=1000,limit_gaps_invalid=1,limit_rate_invalid=1,limit_drops=1";
const QUICK = ["--rampup", "0", "--warmup", "0", "--cooldown", "0", "--invalid", "6"];

/** Arguments of a test, but for where it writes. */
const LINES: Record<string, string[]> = {
  search: ["--max", "1M", "--goal", "ndr,initial=400ms,final=400ms,sum=1600ms", ...QUICK],
  rfc2544: [
    ...["--line-rate", "4M", "--frames", "512", "--tests", "throughput,latency", "--trial", "400ms"],
    ...["--width", "40%", "--latency-trial", "400ms", "--latency-repeat", "3", ...QUICK],
  ],
  sweep: ["--over", "bps=1M:4M:1M", "--retry", "3"],
};

/**
 * Fills the disk when the first document is there. "$1" is the disk's folder, "$2" one that has room, "$3" the name of the
 * first document; the command line follows. What is behind the first line of dashes is asked for by the caller.
 */
const SCRIPT = `
mount -t tmpfs -o size=1m tmpfs "$1" || exit 99
disk=$1 room=$2 first=$3; shift 3
"$@" --out "$disk" >"$room/out" 2>"$room/err" & pid=$!
for i in $(seq 400); do [ -e "$disk/$first" ] && break; sleep 0.05; done
dd if=/dev/zero of="$disk/filler" bs=4k 2>/dev/null; dd if=/dev/zero of="$disk/filler2" bs=1 count=4096 2>/dev/null
wait $pid; echo $? >"$room/status"
rm "$disk"/filler*
mkdir "$room/left"; cp "$disk"/* "$room/left/"`;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
  /** Content of the files that were left on the disk, by name. */
  left: Map<string, string>;
}

async function onFullDisk(command: string, first: string, args: string[], then = ""): Promise<Outcome> {
  await using echo = await EchoProcess.start();
  await using tester = await TestDaemon.start();
  using folder = TemporaryFolder.make();
  const disk = `${folder.path}/disk`;
  await Deno.mkdir(disk);
  const program = programCommand("ipbench");
  const line = [
    ...[program.path, ...program.args, command, "--client", `${tester.host}:${tester.port}`],
    ...["--test", "latency", "--test-target", "127.0.0.1", "--test-port", String(echo.port)],
    ...["--test-args", command === "sweep" ? `${TEST_ARGS},duration=400ms,warmup=0,cooldown=0` : TEST_ARGS],
    ...args,
  ];
  const child = new Deno.Command("unshare", {
    args: [
      ...["-m", "--propagation", "private", "bash", "-c", SCRIPT + then],
      ...["bash", disk, folder.path, first, ...line],
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).spawn();
  const timer = setTimeout(() => kill(child.pid, "SIGKILL"), 180_000);
  const { success } = await child.status;
  clearTimeout(timer);
  assert.ok(success);
  const left = new Map<string, string>();
  for (const { name, isFile } of Deno.readDirSync(`${folder.path}/left`)) {
    if (isFile) left.set(name, await Deno.readTextFile(`${folder.path}/left/${name}`));
  }
  const read = (name: string) => Deno.readTextFile(`${folder.path}/${name}`);
  return { code: Number(await read("status")), stdout: await read("out"), stderr: await read("err"), left };
}

/** Every result document that is there is whole, and one is. Returns their names. */
function wholeDocuments({ left, stderr }: Outcome, pattern: RegExp): string[] {
  const names = [...left.keys()].filter((name) => pattern.test(name)).sort();
  assert.ok(names.length > 0, stderr);
  for (const name of names) assert.equal(parseDocument(left.get(name)!).run.failed, undefined);
  const search = left.get("search.json");
  // What a search or rfc2544 has found is beside its trials, whole, where there was room for it.
  if (search !== undefined) assert.match(JSON.parse(search).format, /^ipbench-(search|rfc2544)\/\d+$/);
  const others = [...left.keys()].filter((name) =>
    !names.includes(name) && !["index.json", "search.json"].includes(name)
  );
  assert.deepEqual(others, [], "nothing else is left");
  return names;
}

Deno.test(
  { name: "a search on a full disk goes on, and says which trials are missing", ignore },
  async () => {
    const outcome = await onFullDisk("search", "trial-0001.json", [...LINES.search!, "--json", "/dev/full"]);
    const { code, stdout, stderr } = outcome;
    assert.equal(code, 1, stderr);
    assert.match(stdout, /\nndr /);
    assert.match(
      stderr,
      /warning: cannot write \S+trial-\d+\.json: No space left on device; the search goes on/,
    );
    assert.match(stderr, /ipbench: could not write \S+trial-\d+\.json.*: No space left on device\n/);
    assert.match(stderr, /ipbench: cannot write \/dev\/full: No space left on device\n/);
    const missing = new Set(stderr.match(/trial-\d+\.json/g));
    const names = wholeDocuments(outcome, /^trial-\d+\.json$/);
    assert.ok(missing.size > 0 && names.every((name) => !missing.has(name)), stderr);
    const trials = Number(/ipbench: (\d+) trials/.exec(stderr)?.[1]);
    assert.equal(names.length + missing.size, trials, stderr);
  },
);

Deno.test({ name: "rfc2544 on a full disk goes on, and says which trials are missing", ignore }, async () => {
  const outcome = await onFullDisk("rfc2544", "trial-0001.json", LINES.rfc2544!);
  const { code, stdout, stderr } = outcome;
  assert.equal(code, 1, stderr);
  assert.match(stdout, /512/);
  assert.match(stderr, /512-byte frames: latency over 3 trials/);
  assert.match(stderr, /ipbench: could not write \S+trial-\d+\.json.*: No space left on device\n/);
  wholeDocuments(outcome, /^trial-\d+\.json$/);
});

Deno.test({ name: "a sweep on a full disk goes on; --resume measures what is missing", ignore }, async () => {
  const outcome = await onFullDisk(
    "sweep",
    "point-0001.json",
    LINES.sweep!,
    `
mkdir "$room/before"; cp "$disk"/point-*.json "$room/before"
"$@" --out "$disk" --resume >"$room/out2" 2>"$room/err2"; echo "status $?" >>"$room/err2"
for f in "$room"/before/*; do cmp -s "$f" "$disk/\${f##*/}" || echo "another \${f##*/}" >>"$room/err2"; done
rm -r "$room/left"; mkdir "$room/left"; cp "$disk"/*.json "$room/left/"; cp "$room"/err2 "$room/left/index.json"
`,
  );
  const { code, stdout, stderr, left } = outcome;
  assert.equal(code, 1, stderr);
  assert.equal(stdout.trimEnd().split("\n").length, 1 + 4, stdout);
  assert.match(
    stderr,
    /warning: cannot write \S+point-000[234]\.json: No space left on device; the sweep goes on/,
  );
  assert.match(stderr, /4 of 4 points measured/);
  assert.match(stderr, /ipbench: could not write .*point-0004\.json.*: No space left on device\n/);
  const resumed = left.get("index.json")!;
  assert.match(resumed, /4 of 4 points measured[^]*\nstatus 0\n$/);
  assert.doesNotMatch(resumed, /^ipbench: 4 points, 4 done/);
  assert.equal(wholeDocuments(outcome, /^point-\d+\.json$/).length, 4);
});
