/** nfs_latency against a real NFS server (nfs-ganesha), v4 and, where a port mapper is installed, v3. */
import assert from "node:assert/strict";
import * as hdr from "hdr-histogram-js";
import { realtimeAheadNs } from "../fixtures/network/monotonic.ts";
import { type RunConfig, runConfig } from "../fixtures/run_config.ts";
import { near, within } from "../fixtures/samples.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, nsBetween } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled, projectRoot, TestDaemon, until } from "../util/mod.ts";

const FILE_BYTES = 262_144;
const SERVER_READY_MS = 30_000;

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const rpcbind = ["/usr/sbin/rpcbind", "/sbin/rpcbind"].find(isThere);
const ganesha = ["/usr/bin/ganesha.nfsd", "/usr/sbin/ganesha.nfsd"].find(isThere);
const plugin = isThere(`${projectRoot()}/build/plugins/nfs_latency.so`);

/** The server's configuration: one directory, read only, high ports, no locks, no grace period. */
function configuration(folder: string): string {
  const protocols = rpcbind === undefined ? "4" : "3, 4";
  return `NFS_CORE_PARAM { NFS_Port = 18049; MNT_Port = 18050; Protocols = ${protocols};
  Enable_NLM = false; Enable_RQUOTA = false; }
NFSv4 { Graceless = true; RecoveryBackend = fs; RecoveryRoot = ${folder}/recovery; }
EXPORT { Export_Id = 1; Path = ${folder}/export; Pseudo = /data; Access_Type = RO; Squash = No_Root_Squash;
  SecType = sys; Protocols = ${protocols}; Transports = TCP; FSAL { Name = VFS; } }
`;
}

/** Both servers in the link's namespace, with a /run of their own; they end with the shell. */
class NfsServer {
  private constructor(readonly child: Deno.ChildProcess, readonly log: string) {}

  static async start(link: Veth, folder: string): Promise<NfsServer> {
    await Deno.mkdir(`${folder}/export`);
    await Deno.mkdir(`${folder}/recovery`);
    await Deno.writeFile(`${folder}/export/data.bin`, new Uint8Array(FILE_BYTES).fill(7));
    await Deno.writeTextFile(`${folder}/ganesha.conf`, configuration(folder));
    const mapper = rpcbind === undefined ? "" : `mkdir -p /run/rpcbind; ${rpcbind} -f -w & sleep 0.5;`;
    const script = `mount -t tmpfs none /run && { ${mapper} mkdir -p /run/ganesha;
      exec ${ganesha} -F -f ${folder}/ganesha.conf -p ${folder}/pid -L ${folder}/log; }`;
    // A process number space of its own: when its first process ends, the kernel ends the rest.
    const [path, ...args] = [
      ...link.wrap,
      ...["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script],
    ];
    const child = new Deno.Command(path!, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
    const server = new NfsServer(child, `${folder}/log`);
    try {
      await until("the NFS server is ready", SERVER_READY_MS, async () => {
        return (await Deno.readTextFile(server.log).catch(() => "")).includes("NFS SERVER INITIALIZED");
      });
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }
}

/** One read as tshark saw its call and its reply. */
interface WireRead {
  calledNs: bigint;
  tookNs: number;
}

const READ = "25"; // NFS v4's operation
const REQUEST_RATE = 500;
const SAMPLES = 400;

/** tshark joins what one segment holds with commas. */
async function wireReads(capture: Capture): Promise<WireRead[]> {
  const fields = ["frame.time_epoch", "rpc.msgtyp", "rpc.xid", "nfs.opcode"];
  const calls = new Map<string, bigint>(), reads: WireRead[] = [];
  for (const [time = "", types = "", xids = "", operations = ""] of await capture.rows(fields, AS_RPC)) {
    const atNs = BigInt(time.replace(".", "")), xid = xids.split(",");
    if (!operations.split(",").includes(READ)) continue;
    types.split(",").forEach((type, i) => {
      const called = calls.get(xid[i]!);
      if (type === "0") calls.set(xid[i]!, atNs);
      else if (called !== undefined) reads.push({ calledNs: called, tookNs: nsBetween(called, atNs) });
    });
  }
  return reads;
}

const AS_RPC = ["-d", "tcp.port==18049,rpc"];

async function compareWithWire(link: Veth, clients: RunConfig["clients"]): Promise<void> {
  await using capture = await Capture.start(link.near, "tcp port 18049");
  const { stdout, stderr, document } = await runConfig({
    test: "nfs_latency",
    args: `path=/data,version=4,nfsport=18049,filename=data.bin,rate=${REQUEST_RATE},samples=${SAMPLES},` +
      "warmup=0.1,cooldown=0.1",
    clients,
    targets: [],
  });
  assert.equal(document.run.failed, undefined, stderr);
  const { counts, latency, metrics, window, histograms, clock } = document.clients[0]!;
  const aheadNs = await realtimeAheadNs(), reads = await wireReads(capture);
  const due = (ns: number) => BigInt(Math.round(ns)) + aheadNs;
  const spare = clock!.error_ns + 0.5e9 / REQUEST_RATE;
  const measured = reads.filter(({ calledNs }) =>
    calledNs >= due(window!.start_ns - spare) && calledNs < due(window!.end_ns + spare)
  );
  within(counts!.sent, measured.length - 3, measured.length + 3, "reads sent");
  const times = measured.map(({ tookNs }) => tookNs).toSorted((a, b) => a - b);
  const rank = (share: number) => times[Math.ceil(share * times.length) - 1]!;
  assert.ok(
    latency!.service!.min_ns >= times[0]!,
    `minimum ${latency!.service!.min_ns} ns, on the wire ${times[0]}`,
  );
  assert.ok(
    latency!.service!.p50_ns >= rank(0.49),
    `median ${latency!.service!.p50_ns} ns, on the wire ${rank(0.5)}`,
  );
  const seconds = (window!.end_ns - window!.start_ns) / 1e9;
  const figures = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  near(figures["requested_rate"], REQUEST_RATE, 1e-6, "requested_rate");
  near(figures["sent_rate"], measured.length / seconds, 4 / seconds, "sent_rate");
  near(figures["reply_rate"], measured.length / seconds, 0.05 * REQUEST_RATE, "reply_rate");
  const last = measured.at(-1)!, lastNs = Number(last.calledNs - due(window!.start_ns)) + last.tookNs;
  within(figures["run_time"]! * 1e9, lastNs - 2e9 / REQUEST_RATE - spare, lastNs + 50e6, "run_time");
  assert.deepEqual([figures["read_errors"], figures["reads_not_sent"]], [0, 0]);
  checkRow(stdout, figures, histograms!.response!);
}

/** The row against HdrHistogram's own library. */
function checkRow(stdout: string, figures: Record<string, number>, encoded: string): void {
  const row = stdout.trim().split("\n")[1]!.split(",").map(Number);
  const theirs = hdr.decodeFromCompressedBase64(encoded);
  const us = theirs.getValueAtPercentile(50) / 1000;
  let deviation = 0;
  for (let p = 0.05; p < 100; p += 0.1) {
    deviation += Math.abs(theirs.getValueAtPercentile(p) / 1000 - us) / 1000;
  }
  const least = theirs.getValueAtPercentile(0) / 1000, run = figures["run_time"]! * 1e6;
  const expected = [
    ...[figures["sent_rate"]!, figures["reply_rate"]!, least, theirs.mean / 1000, theirs.stdDeviation / 1000],
    ...[us, deviation, theirs.maxValue / 1000, SAMPLES, run, run, 0, run, run],
  ];
  assert.equal(row.length, expected.length);
  // 0.1 % of a bucket, and what is cut off behind the point; the deviations are sums of rounded values.
  row.forEach((value, i) => {
    const by = i === 4 || i === 6 ? 0.03 * expected[i]! + 1 : 0.003 * expected[i]! + 1;
    near(value, expected[i]!, by, `column ${i}`);
  });
}

// Counted as skipped where it is; the test below does it otherwise.
if (rpcbind === undefined) {
  Deno.test({ name: "nfs_latency over NFS v3 (rpcbind)", ignore: true, fn: () => {} });
}

const ignore = ganesha === undefined || !plugin || !hasNamespaces();

Deno.test(
  { name: "nfs_latency reads from a real server (nfs-ganesha-vfs, libnfs-dev)", ignore },
  async (t) => {
    using link = Veth.make("n");
    assert.ok(link !== null);
    const folder = await Deno.makeTempDir({ prefix: "ipbench-nfs-" });
    try {
      await using _server = await NfsServer.start(link, folder);
      await using tester = await TestDaemon.start();
      const clients = [{ host: tester.host, port: tester.port, testTarget: link.farAddress }];
      const load = "rate=500,samples=400,warmup=0.1,cooldown=0.1,filename=data.bin";
      const kinds = [["v4", "path=/data,version=4,nfsport=18049"]];
      if (rpcbind !== undefined) kinds.push(["v3 through the port mapper", `path=${folder}/export`]);
      for (const [kind, args] of kinds) {
        await t.step(kind!, async () => {
          const { stdout, stderr, document } = await runConfig({
            test: "nfs_latency",
            args: `${args},${load}`,
            clients,
            targets: [],
          });
          assert.equal(document.run.failed, undefined, stderr);
          const { counts, latency } = document.clients[0]!;
          assert.deepEqual([counts!.sent, counts!.ok, counts!.corrupt], [400, 400, 0], stderr);
          assert.equal(latency!.response!.count, 400);
          const [header, row] = stdout.trim().split("\n");
          assert.match(header!, /^#Achieved request rate,/);
          assert.equal(row!.split(",").length, 14);
          const rate = Number(row!.split(",")[0]);
          assert.ok(rate > 450 && rate < 550, row);
        });
      }
      await t.step("the reply rate is the server's, not the one that was asked for", async () => {
        const { stdout, stderr, document } = await runConfig({
          test: "nfs_latency",
          args: "path=/data,version=4,nfsport=18049,filename=data.bin,rate=50000,samples=1000,size=128Ki",
          clients,
          targets: [],
        });
        assert.equal(document.run.failed, undefined, stderr);
        const row = stdout.trim().split("\n")[1]!.split(",").map(Number);
        assert.ok(row[1]! < 25_000, `50,000 reads of 128 KiB a second are 6.6 GB: ${stdout}`);
        assert.ok(row[13]! > 20_000, `the replies took longer than the 20 ms that were asked for: ${stdout}`);
      });
      await t.step({
        name: "reads, times and rates against tshark's (tshark)",
        ignore: !isInstalled("tshark") || !isInstalled("python3"),
        fn: () => compareWithWire(link, clients),
      });
      await t.step("a file that is not there fails the set-up, by name", async () => {
        const { code, stderr } = await runConfig({
          test: "nfs_latency",
          args: "path=/data,version=4,nfsport=18049,filename=nothing.bin",
          clients,
          targets: [],
        });
        assert.equal(code, 1);
        assert.match(stderr, /cannot open nothing\.bin/);
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("a libnfs whose calls are others is named, and the rest is built", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-nfs-" });
  try {
    await Deno.mkdir(`${folder}/nfsc`);
    await Deno.writeTextFile(
      `${folder}/nfsc/libnfs.h`,
      `#include <stddef.h>
struct nfs_context; struct nfsfh;
typedef void (*nfs_cb)(int status, struct nfs_context *nfs, void *data, void *private_data);
int nfs_pread_async(struct nfs_context *nfs, struct nfsfh *file, void *buffer, size_t count, uint64_t offset,
                    nfs_cb back, void *private_data);
`,
    );
    const { code, stderr } = await new Deno.Command("make", {
      args: ["-s", "-C", `${projectRoot()}/tests_c/nfs_latency`],
      env: { CPATH: folder },
      stdout: "null",
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.match(new TextDecoder().decode(stderr), /nfs_latency: not built: this libnfs .*version 6/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
