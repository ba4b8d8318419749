import assert from "node:assert/strict";
import { environment } from "./environment.ts";

Deno.test("environment: says what this machine is, and asks the driver of the interface on the way", async () => {
  const asked: string[] = [];
  const found = await environment({
    target: "127.0.0.1",
    ethtool: (iface) => (asked.push(iface), { driver: "none" }),
  });
  assert.equal(found.kernel, Deno.osRelease());
  const cpu = found.cpu as Record<string, unknown>;
  assert.equal(cpu.count, navigator.hardwareConcurrency);
  assert.equal(typeof found.clocksource, "string");
  assert.ok((found.steal as number) >= 0 && (found.steal as number) <= 1);
  assert.deepEqual(asked, ["lo"]);
  assert.deepEqual([
    (found.nic as Record<string, unknown>).name,
    (found.nic as Record<string, unknown>).driver,
  ], ["lo", "none"]);
});

Deno.test("environment: names that cannot be interfaces are not looked up in /sys", async () => {
  const asked: string[] = [];
  const found = await environment({ iface: "../../etc", ethtool: (iface) => (asked.push(iface), null) });
  assert.deepEqual(asked, []);
  assert.deepEqual(found.nic, { name: "../../etc" });
});
