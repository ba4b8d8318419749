/** nfs_latency against a real NFS server (nfs-ganesha), v4 and, where a port mapper is installed, v3. */
import assert from "node:assert/strict";
import { runConfig } from "./fixtures/run_config.ts";
import { Veth } from "./fixtures/veth.ts";
import { hasNamespaces, projectRoot, TestDaemon, until } from "./util/mod.ts";

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
          assert.match(header!, /^# /);
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
