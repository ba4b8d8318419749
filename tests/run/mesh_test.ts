/** A mesh as a user starts it: hosts in namespaces, one link slow and one lossy, and a daemon that dies. */
import assert from "node:assert/strict";
import { type MeshDocument, parseMesh } from "../../results/mesh/document.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { MeshLab } from "../fixtures/network/mesh_lab.ts";
import { isInstalled, kill, runProgram, TestDaemon } from "../util/mod.ts";

const HOSTS = 5;
/** Little enough for a machine that is all of the hosts at once. */
const ARGS = ["--sleep", "--no-rate"];

const ignore = !MeshLab.canRun();

Deno.test(
  { name: "a mesh names the slow and the lossy link, and goes on without a host that dies", ignore },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const lab = stack.use(await MeshLab.start(HOSTS, ["2:3:1000:0", "1:4:0:0.08"]));
    const folder = stack.use(TemporaryFolder.make());
    const daemons = await Promise.all(
      Array.from(
        { length: HOSTS },
        (_, n) =>
          (["tester", "target"] as const).map(async (role, k) =>
            stack.use(
              await TestDaemon.start({ role, ip: lab.address(n + 1), port: 8036 + k, wrap: lab.wrap(n + 1) }),
            )
          ),
      ).flat(),
    );
    const hosts = Array.from({ length: HOSTS }, (_, n) => lab.address(n + 1));
    const file = `${folder.path}/mesh.json`, page = `${folder.path}/mesh.html`;
    await t.step("both are named, and nothing else", async () => {
      const { code, stdout, stderr } = await runProgram("ipbench", [
        ...["mesh", ...hosts, ...ARGS, "--json", file, "--report", page],
      ]);
      assert.equal(code, 0, stderr);
      const document = parseMesh(await Deno.readTextFile(file));
      assert.equal(document.rounds, 5);
      assert.equal(document.pairs.length, HOSTS * (HOSTS - 1));
      const links = (what: string) =>
        document.findings.filter((one) => one.what === what && one.subject === "link").map((one) =>
          one.hosts
        );
      assert.deepEqual(links("loss"), [[0, 3]], stdout);
      const [slowest] = document.findings.filter(({ what, subject }) =>
        what === "delay" && subject === "link"
      );
      assert.deepEqual(slowest!.hosts, [1, 2], stdout);
      assert.ok(slowest!.value - slowest!.expected > 1.9e6 && slowest!.value < 4e6, stdout);
      const lossy = document.pairs.find(({ from, to }) => from === 0 && to === 3)!;
      assert.ok(lossy.lost! / lossy.sent! > 0.05 && lossy.lost! / lossy.sent! < 0.3);
      for (const line of stdout.split("\n").filter((line) => !line.startsWith("the "))) {
        assert.ok(line.length <= 80, line);
      }
      assert.match(await Deno.readTextFile(page), /class="h\d named"/);
    });
    await t.step("of a host that has died the pairs are missing, and its name is told", async () => {
      kill(daemons[2 * 4 + 1]!.pid, "SIGKILL");
      const gone = `${folder.path}/gone.json`;
      const { code, stdout, stderr } = await runProgram("ipbench", [
        "mesh",
        ...hosts,
        ...ARGS,
        "--json",
        gone,
      ]);
      assert.equal(code, 1, stderr);
      const document = parseMesh(await Deno.readTextFile(gone));
      const missing = document.pairs.filter(({ delay }) => delay === null);
      assert.ok(
        missing.length > 0 && missing.every(({ from, to }) => from === 4 || to === 4),
        JSON.stringify(missing),
      );
      assert.match(document.hosts[4]!.failed ?? "", /\S/);
      assert.equal(document.pairs.filter(({ delay }) => delay !== null).length, 4 * 3);
      assert.match(stdout, /took part no longer/);
    });
    await t.step("what a round has measured is not measured again", async () => {
      const whole = parseMesh(await Deno.readTextFile(file));
      // In one of five rounds the host that is dead by now was to pause anyway.
      const pause = [1, 2, 3, 4, 5].find((round) =>
        whole.pairs.every((pair) => pair.round !== round || pair.from !== 4 && pair.to !== 4)
      )!;
      const kept: MeshDocument = {
        ...whole,
        pairs: whole.pairs.filter(({ round }) => round !== pause),
        findings: [],
      };
      await Deno.writeTextFile(file, JSON.stringify(kept));
      const { code, stderr } = await runProgram("ipbench", [
        "mesh",
        ...hosts,
        ...ARGS,
        "--json",
        file,
        "--resume",
      ]);
      assert.equal(code, 0, stderr);
      assert.equal(parseMesh(await Deno.readTextFile(file)).pairs.length, HOSTS * (HOSTS - 1));
      const measured = [...stderr.matchAll(/round (\d) of 5: delay/g)].map(([, round]) => Number(round));
      assert.equal(measured[0], pause, stderr);
    });
  },
);

/** Of the rate test: payload bit/s that are offered, and what a bucket lets one host send of whole frames without checksums. */
const OFFERED = 20e6, BUCKET = 8e6;
/** Payload of a full TCP segment, with time stamps, and its frame. */
const SEGMENT = 1448, SEGMENT_FRAME = 1514;
const RATE_S = 1, WARMUP_S = 0.5;

Deno.test(
  {
    name: "rates of a mesh against the interfaces' counters and a token bucket (tc)",
    ignore: ignore || !isInstalled("tc"),
  },
  async () => {
    await using stack = new AsyncDisposableStack();
    const hosts = 4, slow = 2;
    const lab = stack.use(await MeshLab.start(hosts));
    const folder = stack.use(TemporaryFolder.make());
    const numbers = Array.from({ length: hosts }, (_, n) => n + 1);
    await Promise.all(
      numbers.flatMap((n) =>
        (["tester", "target"] as const).map(async (role, k) =>
          stack.use(await TestDaemon.start({ role, ip: lab.address(n), port: 8036 + k, wrap: lab.wrap(n) }))
        )
      ),
    );
    const inHost = (n: number, ...command: string[]): string => {
      const [path = "", ...args] = [...lab.wrap(n), ...command];
      const { success, stdout, stderr } = new Deno.Command(path, { args }).outputSync();
      assert.ok(success, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    const sent = () =>
      numbers.map((n) => Number(inHost(n, "cat", "/sys/class/net/eth0/statistics/tx_bytes")));
    inHost(
      slow + 1,
      ...["tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", `${BUCKET}bit`, "burst", "10kb"],
      ...["limit", "4mb"], // nothing is lost, and no hole in the stream holds up what came behind it
    );
    const file = `${folder.path}/mesh.json`;
    const before = sent();
    const { code, stdout, stderr } = await runProgram("ipbench", [
      ...["mesh", ...numbers.map((n) => lab.address(n)), "--no-delay", "--apart", "--json", file],
      ...["--rate-args", `bps=${OFFERED},duration=${RATE_S},warmup=${WARMUP_S}`],
    ], { deadlineMs: 240_000 });
    const after = sent();
    assert.equal(code, 0, stderr);
    const document = parseMesh(await Deno.readTextFile(file));
    const rates = (host: number) =>
      document.pairs.filter(({ from }) => from === host).map((pair) => pair.rate_bps!);
    for (const host of numbers.keys()) {
      assert.equal(rates(host).length, hosts - 1);
      const truth = host === slow ? BUCKET * SEGMENT / SEGMENT_FRAME : OFFERED;
      for (const rate of rates(host)) {
        assert.ok(
          rate > 0.85 * truth && rate < 1.05 * truth,
          `host ${host}: ${rates(host)}, not ${truth}\n${stdout}`,
        );
      }
      // What left the host: its streams with their headers, in warm-up and measured phase, and the other ends' acknowledgements.
      const payload = rates(host).reduce((sum, rate) => sum + rate, 0) * (RATE_S + WARMUP_S) / 8;
      const counted = (after[host]! - before[host]!) * SEGMENT / SEGMENT_FRAME;
      assert.ok(
        counted > 0.95 * payload && counted < 1.35 * payload,
        `host ${host}: ${counted} of ${payload} bytes`,
      );
    }
    const named = document.findings.filter(({ what, subject }) => what === "rate" && subject === "host");
    assert.deepEqual(named.map((one) => one.hosts), [[slow]], stdout);
  },
);
