/** `check --tune` on this machine and against a daemon; other programs say what is so. */
import assert from "node:assert/strict";
import { Veth } from "../fixtures/network/veth.ts";
import { output } from "../fixtures/output.ts";
import { hasNamespaces, isInstalled, runProgram, TestDaemon } from "../util/mod.ts";

const ignore = !hasNamespaces() || !isInstalled("ethtool");

Deno.test({
  name: "check --tune: this machine and one of its interfaces, as sysctl, ethtool and /sys tell (ethtool)",
  ignore,
  async fn() {
    using link = Veth.make("u");
    assert.ok(link !== null);
    const { code, stdout, stderr } = await runProgram("ipbench", [
      "check",
      "--tune",
      "--test-target",
      link.farAddress,
    ]);
    assert.deepEqual([code, stderr], [0, ""]);
    const lines = stdout.trimEnd().split("\n");
    assert.ok(lines.length <= 24 && lines.every((line) => line.length <= 80), stdout);
    assert.ok(
      lines[0]!.startsWith(`${output("uname", "-n")}: ${output("nproc", "--all")} processor`),
      stdout,
    );
    const [, driver] = /^driver: (.*)$/m.exec(output("ethtool", "-i", link.near))!;
    assert.match(stdout, new RegExp(`^${link.near}: ${driver}, .*MTU 1500$`, "m"));
    // The link's driver has no coalescing that could be told, and needs a program at the other end.
    assert.match(stdout, /Not known: [^.]*coalescing/);
    assert.match(stdout, /^veth: frames that XDP sends back/m);
    const runtime = Number(output("sysctl", "-n", "kernel.sched_rt_runtime_us"));
    assert.equal(stdout.includes("sysctl kernel.sched_rt_runtime_us=-1"), runtime >= 0);
    const clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    assert.match(stdout.replaceAll(/\s+/g, " "), new RegExp(`clock source ${output("cat", clock)}`));
    const offloads = output("ethtool", "-k", link.near);
    const off = ["generic-receive-offload", "tcp-segmentation-offload", "rx-checksumming"]
      .some((name) => offloads.includes(`${name}: off`));
    assert.equal(/ethtool -K \S+ .* on$/m.test(stdout), off, offloads);
  },
});

Deno.test("check --tune: no such interface, and --iface without --tune", async () => {
  const missing = await runProgram("ipbench", ["check", "--tune", "--iface", "nosuch0"]);
  assert.deepEqual([missing.code, missing.stdout], [2, ""]);
  assert.match(missing.stderr, /^ipbench: --iface: this machine has no interface "nosuch0"$/m);
  const alone = await runProgram("ipbench", ["check", "--iface", "lo", "lab.xml"]);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /--iface is for --tune/);
});

Deno.test("check --tune of daemons: what their records tell, and who cannot be asked", async () => {
  await using tester = await TestDaemon.start();
  const at = `${tester.host}:${tester.port}`;
  const { code, stdout } = await runProgram("ipbench", [
    "check",
    "--tune",
    "--client",
    at,
    "--client",
    "127.0.0.1:1",
    "--iface",
    "lo",
  ]);
  assert.equal(code, 1);
  assert.match(stdout, new RegExp(`^${at}: \\d+ processors?.*\\n(?: .*\\n)*lo: `));
  assert.match(stdout, /^Not known: [^]*limits and capabilities of the\s+daemon/m);
  assert.match(stdout, /^More is seen by "ipbench check --tune" on that machine\.$/m);
  assert.match(stdout, /^127\.0\.0\.1:1: failed: cannot connect/m);
});
