/** IPv6, names, and a machine under test that is an IPv6 address: the fields of SETUP are told apart all the same. */
import assert from "node:assert/strict";
import { runConfig } from "./fixtures/run_config.ts";
import { EchoProcess } from "./fixtures/echo_process.ts";
import { TestDaemon } from "./util/mod.ts";

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
