/**
 * A lab on a private network, as it always was: `ipbenchd --port 8036` on the tester, `ipbenchd --target` on the machine under
 * test, no secret, no other option; runs in the original's spelling and in ours, over UDP, TCP and raw Ethernet.
 */
import assert from "node:assert/strict";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { parseDocument } from "../../results/document/parse.ts";
import { hasNamespaces, runProgram, TestDaemon } from "../util/mod.ts";

const PORT = 8036;
const ECHO_PORT = 7007;
const SAMPLES = 300;
const SIZE = 100;
const LOAD = `bps=1M,size=${SIZE},samples=${SAMPLES},warmup=0.1,cooldown=0.1`;

Deno.test({ name: "a lab on a private network needs no option", ignore: !hasNamespaces() }, async (t) => {
  using link = Veth.make("l");
  assert.ok(link !== null);
  using folder = TemporaryFolder.make();
  await using tester = await TestDaemon.start({ ip: null, port: PORT, wrap: link.wrap });
  await using target = await TestDaemon.start({ role: "target", ip: null });
  assert.match(tester.log.join("\n"), /ready: .*tester on \[::\]:8036/);
  for (const kind of ["udp", "tcp", "raw"]) {
    const raw = kind === "raw";
    for (const how of ["without the word run", "with run"]) {
      await t.step(`${kind}, ${how}`, async () => {
        const json = `${folder.path}/${kind}.json`;
        const { code, stdout, stderr } = await runProgram("ipbench", [
          ...how === "with run" ? ["run", "--json", json] : [],
          ...["--client", link.farAddress, "--test", "latency"],
          ...["--test-args", `socktype=${kind},${LOAD}${raw ? `,iface=${link.far}` : ""}`],
          ...["--test-target", raw ? link.nearMac : link.nearAddress, "--test-port", String(ECHO_PORT)],
          ...["--target-test", "echo", "--target-test-hostname", link.nearAddress],
          ...["--target-test-port", String(target.port)],
          ...["--target-test-args", raw ? `raw=${link.near}` : `udp=${ECHO_PORT},tcp=${ECHO_PORT}`],
        ]);
        assert.doesNotMatch(stderr, /allow-target|is neither in/);
        const row = stdout.split("\n")[0]!.split(",");
        assert.equal(row[0], "1000000", stdout + stderr);
        assert.equal(row[3], String(SIZE));
        if (how !== "with run") return assert.equal(code, 0, stderr); // the row was printed, whatever the verdict
        const { clients, run, targets } = parseDocument(await Deno.readTextFile(json));
        assert.equal(run.failed, undefined, stderr);
        const { counts } = clients[0]!;
        assert.ok(counts !== null && counts.ok > SAMPLES * 0.8, JSON.stringify(counts));
        // Several packets of TCP may be one read.
        const answered = targets[0]!.metrics!.find(({ name }) => name === `${kind}_bytes`)!;
        assert.ok(answered.value >= counts.ok * SIZE, JSON.stringify(answered));
      });
    }
  }
});
