/** IPv6, names, and a machine under test that is an IPv6 address: the fields of SETUP are told apart all the same. */
import assert from "node:assert/strict";
import { runConfig } from "../fixtures/run_config.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { hasNamespaces, TestDaemon } from "../util/mod.ts";

Deno.test("testers reached by IPv6 address and by name, the machine under test by IPv6 address", async () => {
  await using echo = await EchoProcess.start({ ip: "::1" });
  await using six = await TestDaemon.start({ ip: "::1" });
  await using named = await TestDaemon.start();
  const { code, document, stderr } = await runConfig({
    test: "latency",
    args: "socktype=udp,bps=400000,size=100,samples=200,warmup=0.1,cooldown=0.1",
    testPort: echo.port,
    clients: [
      { host: "::1", port: six.port, testTarget: "::1" },
      { host: "localhost", port: named.port, testTarget: "::1" },
    ],
    targets: [],
  });
  const told = `exit ${code}: ${document.run.reasons.join("; ")} | ${stderr}`;
  assert.equal(document.run.failed, undefined, told);
  for (const client of document.clients) {
    assert.equal(client.error, undefined, told);
    assert.ok(client.counts!.ok > 0, told);
  }
});

Deno.test({ name: "the document describes the card that was used", ignore: !hasNamespaces() }, async (t) => {
  using link = Veth.make("p");
  assert.ok(link !== null);
  await using near = await EchoProcess.start({ ip: "0.0.0.0" });
  await using daemon = await TestDaemon.start();
  const args = "bps=400000,size=100,samples=200,warmup=0.1,cooldown=0.1";
  const network = async (more: string, testTarget: string, testPort: number) => {
    const clients = [{ host: daemon.host, port: daemon.port, testTarget }];
    const { document, stderr } = await runConfig({
      test: "latency",
      args: args + more,
      testPort,
      clients,
      targets: [],
    });
    const [client] = document.clients;
    assert.ok(client?.counts?.ok, `${document.run.reasons.join("; ")} | ${stderr}`);
    return client.environment as {
      nic: { name: string; mtu: number };
      network: {
        interface: string;
        mtu: number;
        family: string;
        target_address: string;
        local_address: string;
      };
    };
  };
  for (const socktype of ["udp", "tcp"]) {
    await t.step(`an own address is the loopback, over ${socktype}`, async () => {
      const found = await network(`,socktype=${socktype}`, link.nearAddress, near.port);
      assert.deepEqual([found.nic.name, found.network.interface, found.nic.mtu], ["lo", "lo", 65536]);
      assert.equal(found.network.target_address, `${link.nearAddress}:${near.port}`);
      assert.equal(found.network.local_address.replace(/:\d+$/, ""), link.nearAddress);
    });
  }
});
