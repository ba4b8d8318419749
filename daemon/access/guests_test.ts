import assert from "node:assert/strict";
import type { PluginInfo } from "../../ffi/mod.ts";
import { GuestPolicy, type OwnAddress, parseAllowedTarget } from "./guests.ts";

const OWN: OwnAddress[] = [
  { family: "IPv4", cidr: "127.0.0.1/8" },
  { family: "IPv4", cidr: "10.1.2.3/24" },
  { family: "IPv4", cidr: "129.94.7.5/25" },
  { family: "IPv4", cidr: "129.94.9.4/31" },
  { family: "IPv6", cidr: "2001:db8:7::5/64" },
  { family: "IPv6", cidr: "2001:db8::1/0" },
];
const CONTROLLER = "203.0.113.9";
const NEW = { interface: { major: 1, minor: 0 }, options: null } as PluginInfo;
const OLD = { interface: null, options: null } as PluginInfo;

async function admit(target: string, addresses = [target], allowed: string[] = [], plugin = NEW) {
  const policy = new GuestPolicy(allowed.map(parseAllowedTarget), true, () => OWN);
  let asked = 0;
  const resolve = () => Promise.resolve(asked++ === 0 ? addresses : ["8.8.8.8"]);
  return await policy.admit(target, CONTROLLER, { resolve }, plugin);
}

Deno.test("guests test what is near: private, link-local, loopback, own links, themselves", async () => {
  const near = [
    ...["10.0.0.1", "172.31.255.1", "192.168.0.1", "169.254.1.1", "127.9.9.9", "198.19.0.1", "0.0.0.0"],
    ...["fd00::1", "fe80::1%eth0", "::1", "::", "::ffff:10.0.0.1", "2001:2::1"],
    ...["129.94.7.77", "129.94.9.5", "2001:db8:7::99", CONTROLLER],
  ];
  for (const target of near) {
    assert.deepEqual(await admit(target), { target, addresses: [target] });
  }
});

Deno.test("guests do not test others, whatever the address is dressed as", async () => {
  const far = [
    ...["8.8.8.8", "172.32.0.1", "129.94.7.130", "203.0.113.10", "100.64.0.1", "0.0.0.1"],
    ...["2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "2001:db8:8::1"],
  ];
  for (const target of far) {
    await assert.rejects(
      admit(target),
      /neither in a private network.*--secret-file.*--allow-target/,
      target,
    );
  }
  assert.deepEqual(await admit("8.8.8.8", undefined, ["8.8.8.0/24"]), {
    target: "8.8.8.8",
    addresses: ["8.8.8.8"],
  });
});

Deno.test("groups are sent to only when they are named", async () => {
  for (const target of ["224.0.0.1", "239.1.1.1", "ff02::1%eth0", "ff0e::1"]) {
    await assert.rejects(admit(target), /is a multicast address.*--allow-target/, target);
    await assert.rejects(
      admit(target, undefined, ["0.0.0.0/0", "::/0"]),
      /multicast/,
      "a wide range names none",
    );
    const named = target.replace(/%.*/, "");
    assert.equal((await admit(target, undefined, [named])).target, target);
  }
  assert.equal((await admit("239.1.1.1", undefined, ["239.0.0.0/8"])).target, "239.1.1.1");
  for (const target of ["255.255.255.255", "10.1.2.255", "10.1.2.0", "129.94.7.127", "127.255.255.255"]) {
    await assert.rejects(admit(target), /is a broadcast address.*--allow-target/, target);
    await assert.rejects(admit(target, undefined, ["0.0.0.0/1", "128.0.0.0/1"]), /broadcast/);
    assert.equal((await admit(target, undefined, [target])).target, target);
  }
  assert.deepEqual(await admit("02:00:00:00:00:01"), { target: "02:00:00:00:00:01", addresses: [] });
  for (const mac of ["ff:ff:ff:ff:ff:ff", "01-00-5E-00-00-01", "33:33:00:00:00:01"]) {
    await assert.rejects(admit(mac), /address of a group.*--allow-target/, mac);
    assert.equal((await admit(mac, undefined, [mac])).target, mac);
  }
});

Deno.test("a name is looked up once, each of its addresses is checked, and the test gets those", async () => {
  await assert.rejects(
    admit("mixed", ["10.0.0.1", "8.8.8.8"]),
    /target mixed, which is 8\.8\.8\.8, is neither/,
  );
  const both = ["fd00::1", "10.0.0.1"];
  assert.deepEqual(await admit("both", both), { target: "fd00::1", addresses: both });
  assert.deepEqual(await admit("both", both, [], OLD), { target: "10.0.0.1", addresses: both });
  await assert.rejects(admit("none", []), /none has no address/);
});

Deno.test("guests get no priority and lock no memory; with --allow they may", () => {
  const options = [{ name: "rt" }, { name: "mlock" }, { name: "sizes" }, { name: "key_file" }];
  const latency = { options } as PluginInfo;
  const anybody = new GuestPolicy([], true, () => OWN);
  for (
    const args of [
      ...[
        "rt=99",
        "bps=1M,rt=1",
        " ,rt=0x1",
        "mlock",
        "mlock=1,bps=1",
        "auth=1,key_file=/etc/key",
        'sizes="64:1,512:2",rt=5',
      ],
      // As the test reads them, too: quotes anywhere, and in the original's spelling blanks between arguments.
      ...['"rt=99"', 'r"t"=99', "\trt=9", "bps=1M rt=99", "bps=1M\tmlock", "bps=1M,, mlock \t"],
    ]
  ) {
    assert.throws(
      () => anybody.checkArguments(args, latency),
      /argument (rt|mlock|key_file): .*--secret-file/,
      args,
    );
    new GuestPolicy([], false, () => OWN).checkArguments(args, latency);
  }
  for (const args of ["", "rt=0", "rt=", "mlock=0,bps=rt", 'sizes="64:1,rt=9"', "start=5"]) {
    anybody.checkArguments(args, latency);
  }
  anybody.checkArguments("rt=5", { options: [{ name: "x" }] } as PluginInfo);
});
