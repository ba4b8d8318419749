/** Real runs between daemons that are confined as the service's unit has it: nothing that they need is denied. */
import assert from "node:assert/strict";
import { type RunConfig, runConfig } from "../fixtures/run_config.ts";
import { Veth } from "../fixtures/network/veth.ts";
import {
  hasNamespaces,
  hasOpenssl,
  isInstalled,
  makeCertificates,
  makeClientCertificates,
  projectRoot,
  TestDaemon,
} from "../util/mod.ts";

const UNIT = `${projectRoot()}/packaging/ipbenchd.service`;
/** The JavaScript engine asks for protection keys, and does without them. */
const EXPECTED = new Set(["pkey_alloc"]);
/** A call that anybody may make, and that the filter denies; what it gave, and the user's number. */
const FORBIDDEN =
  "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); print(c.ptrace(0, 0, 0, 0), ctypes.get_errno(), os.getuid())";

const canConfine = Deno.uid() === 0 &&
  ["systemd-analyze", "setpriv", "python3", "gcc"].every(isInstalled) && hasNamespaces() && hasOpenssl();

/** What starts a program confined; denied calls go into that file. */
function confined(log: string): string[] {
  return ["python3", `${projectRoot()}/tests/fixtures/service.py`, UNIT, log];
}

async function deniedCalls(log: string): Promise<string[]> {
  return (await Deno.readTextFile(log)).split("\n").filter((line) => line !== "");
}

Deno.test({
  name: "the unit's filter: latency, CPU, rt, mlock, TLS and wrapped programs run; other calls are denied",
  ignore: !canConfine,
}, async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-service-" });
  const log = `${folder}/denied`;
  using link = Veth.make("s");
  assert.ok(link !== null);
  try {
    await Deno.chmod(folder, 0o755);
    await makeCertificates(folder);
    await makeClientCertificates(folder);
    await Deno.chmod(`${folder}/key.pem`, 0o644);
    await Deno.mkdir(`${folder}/bin`, { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/bin/work.sh`, "#!/bin/sh\nid -u\n", { mode: 0o755 });

    await Deno.writeTextFile(`${folder}/bin/slow.sh`, "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });

    await t.step("a call that the unit does not grant is denied, and seen", async () => {
      const run = async (wrap: string[]) => {
        const [path = "", ...args] = [...wrap, "/usr/bin/python3", "-c", FORBIDDEN];
        const { stdout, stderr } = await new Deno.Command(path, { args, stdout: "piped", stderr: "piped" })
          .output();
        return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
      };
      const control = `${folder}/control`;
      assert.equal(await run([]), "0 0 0");
      assert.equal(await run(confined(control)), "-1 1 65534");
      assert.deepEqual(await deniedCalls(control), ["ptrace"]);
    });

    const exec = ["--allow-exec", `${folder}/bin`, "--allow", "0.0.0.0/0"];
    await using tester = await TestDaemon.start({ wrap: confined(log), args: exec });
    await using target = await TestDaemon.start({
      ...{ role: "target", ip: null, args: exec, wrap: [...link.wrap, ...confined(log)] },
    });
    const place = { host: link.farAddress, port: target.port };
    const client = { host: tester.host, port: tester.port, testTarget: link.farAddress };
    const succeeds = async (config: RunConfig, args: string[] = []) => {
      const outcome = await runConfig(config, args);
      assert.equal(outcome.document.run.failed, undefined, outcome.stderr);
      return outcome;
    };
    const phases = "warmup=0.1,cooldown=0.1,duration=0.5";

    for (
      const [what, args, echo] of [
        ["UDP", "socktype=udp", "udp=7007"],
        ["TCP", "socktype=tcp", "tcp=7007"],
        ["UDP in real time, with locked memory", "socktype=udp,rt=10,mlock", "udp=7007"],
        ["raw Ethernet", `socktype=raw,iface=${link.near}`, `raw=${link.far}`],
      ] as const
    ) {
      await t.step(`latency over ${what}`, async () => {
        const raw = what === "raw Ethernet";
        const { document } = await succeeds({
          test: "latency",
          args: `${args},bps=800k,size=100,${phases}`,
          ...raw ? {} : { testPort: 7007 },
          clients: [{ ...client, ...raw && { testTarget: link.farMac } }],
          targets: [{ test: "echo", args: echo, ...place }],
        });
        const { counts } = document.clients[0]!;
        assert.ok(counts !== null && counts.ok > 100, JSON.stringify(counts));
      });
    }
    await t.step("the CPU meter", async () => {
      const { document } = await succeeds({
        test: "client_wrapper",
        args: `start=${folder}/bin/work.sh`,
        clients: [client],
        targets: [{ test: "cpu_target", args: "", ...place }],
      });
      assert.ok(document.targets[0]!.metrics.length > 0);
    });
    await t.step("wrapped programs, as the service's user", async () => {
      const { stdout } = await succeeds({
        test: "client_wrapper",
        args: `start=${folder}/bin/work.sh`,
        clients: [client],
        targets: [{
          test: "target_wrapper",
          args: `start=${folder}/bin/slow.sh,output=${folder}/bin/work.sh`,
          ...place,
        }],
      });
      assert.equal(stdout, "65534\n65534\n");
    });
    await t.step("TLS, with and without client certificates", async () => {
      const own = ["--tls-cert", `${folder}/client.pem`, "--tls-key", `${folder}/client.key`];
      for (const asks of [[], ["--tls-client-ca", `${folder}/ca.pem`]]) {
        const tls = ["--tls-cert", `${folder}/cert.pem`, "--tls-key", `${folder}/key.pem`, ...asks];
        await using daemon = await TestDaemon.start({ wrap: confined(log), args: tls });
        await succeeds({
          test: "dummy",
          args: "seconds=0.1",
          clients: [{ host: "localhost", port: daemon.port }],
          targets: [],
        }, ["--tls-ca", `${folder}/ca.pem`, ...own]);
      }
    });
    const denied = (await deniedCalls(log)).filter((name) => !EXPECTED.has(name));
    assert.deepEqual(denied, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
