/** What a daemon without a secret does for strangers: it tests what is near, and sends nothing to anybody else. */
import assert from "node:assert/strict";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces, RawClient, runProgram, TestDaemon } from "../util/mod.ts";

/** Of the documentation's networks, which nobody has: were anything sent there, it would ask for it on the link. */
const STRANGER = "192.0.2.9";
const GROUP = "239.9.9.9";

/** Answer to SETUP of `latency` in a daemon that has just been started. */
async function setUp(daemon: TestDaemon, hostname: string, target: string, args: string): Promise<string> {
  using client = await RawClient.connect({ hostname, port: daemon.port, deadlineMs: 30_000 });
  await client.readLine();
  await client.send(`HELLO\nLOAD latency\nSETUP target::${target}||port::9||args::"noise=0,${args}"\n`);
  await client.readLine();
  await client.readLine();
  return await client.readLine();
}

/** Packets that an interface in the namespace has sent, as the kernel counts them. */
function sent(link: Veth): number {
  const [command = "", ...args] = [...link.wrap, "cat", `/sys/class/net/${link.far}/statistics/tx_packets`];
  return Number(new TextDecoder().decode(new Deno.Command(command, { args }).outputSync().stdout));
}

Deno.test({
  name: "strangers reach near targets only, and nothing is sent to others",
  ignore: !hasNamespaces(),
}, async () => {
  using link = Veth.make("g");
  assert.ok(link !== null);
  const [command = "", ...before] = [...link.wrap, "ip", "route", "add"];
  for (const range of ["192.0.2.0/24", "224.0.0.0/4"]) {
    const { success } = new Deno.Command(command, { args: [...before, range, "dev", link.far] }).outputSync();
    assert.ok(success);
  }
  const start = (args: string[]) => TestDaemon.start({ ip: null, wrap: link.wrap, args });
  const there = link.farAddress;

  await using open = await start([]);
  assert.match(await setUp(open, there, link.nearAddress, "socktype=udp"), /^200 /);
  await open.assertFree(1_500, there);
  const cases: [target: string, args: string, answer: RegExp][] = [
    [STRANGER, "socktype=tcp", /^451 .*target 192\.0\.2\.9 is neither in a private network.*--secret-file/],
    [STRANGER, "socktype=udp", /^451 .*--allow-target 192\.0\.2\.9\)$/],
    // What a resolver takes for the same address.
    ["0300.0.521", "socktype=tcp", /^451 .*target 0300\.0\.521, which is 192\.0\.2\.9, is neither/],
    ["[::ffff:192.0.2.9]", "socktype=tcp", /^451 .*is neither/],
    [GROUP, "socktype=udp", /^451 .*multicast address.*--allow-target 239\.9\.9\.9\)$/],
    [
      link.nearAddress.replace(/\d+$/, "255"),
      "socktype=udp,sockopts=SO_BROADCAST",
      /^451 .*is a broadcast address/,
    ],
    ["ff:ff:ff:ff:ff:ff", `socktype=raw,iface=${link.far}`, /^451 .*address of a group/],
    [link.nearAddress, "socktype=udp,rt=1", /^451 .*argument rt: .*only to those it knows.*--secret-file/],
    [link.nearAddress, "socktype=udp,mlock", /^451 .*argument mlock: /],
  ];
  for (const [target, args, answer] of cases) {
    const packets = sent(link);
    const said = await setUp(open, there, target, args);
    assert.match(said, answer);
    // TCP of the dialogue itself: a few segments; a test or its search for a neighbour goes on for a second.
    assert.ok(sent(link) - packets < 40, said);
    await open.assertFree(1_500, there);
  }

  await using named = await start(["--allow-target", STRANGER, "--allow-target", "239.0.0.0/8"]);
  for (const target of [STRANGER, GROUP]) {
    assert.match(await setUp(named, there, target, "socktype=udp"), /^200 /);
    await named.assertFree(1_500, there);
  }
  await using known = await start(["--allow", `${link.nearAddress}/32`]);
  assert.match(await setUp(known, there, STRANGER, "socktype=udp"), /^451 .*neither/);
  await known.assertFree(1_500, there);
  assert.match(await setUp(known, there, link.nearAddress, "socktype=udp,mlock=0,rt=0"), /^200 /);
});

Deno.test("a daemon on loopback tests what it is told to", async () => {
  await using daemon = await TestDaemon.start();
  assert.match(
    await setUp(daemon, "127.0.0.1", "127.255.255.255", "socktype=udp,sockopts=SO_BROADCAST"),
    /^200 /,
  );
});

Deno.test("programs for strangers: the daemon does not start", async () => {
  const args = ["--port", "0", "--allow-exec", "/usr/bin"];
  const { code, stderr } = await runProgram("ipbenchd", args);
  assert.equal(code, 2);
  assert.match(stderr, /--allow-exec would let anybody .*--secret-file.*--allow/);
  await using limited = await TestDaemon.start({
    ip: null,
    args: ["--allow-exec", "/usr/bin", "--allow", "127.0.0.0/8"],
  });
  assert.ok(limited.alive);
});
