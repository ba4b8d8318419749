import assert from "node:assert/strict";
import { monotonicNowNs } from "./clock.ts";
import { sdNotify } from "./self/notify.ts";

Deno.test("clock: CLOCK_MONOTONIC never goes back, and is the one of /proc/uptime", () => {
  const first = monotonicNowNs();
  const uptime = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
  const second = monotonicNowNs();
  assert.ok(second >= first);
  // /proc/uptime counts suspended time too, in hundredths of a second.
  assert.ok(Number(first) / 1e9 <= uptime + 0.02, `${first} against ${uptime}`);
});

Deno.test("notify: without a service manager nothing is sent", () => {
  const before = Deno.env.get("NOTIFY_SOCKET");
  Deno.env.delete("NOTIFY_SOCKET");
  assert.equal(sdNotify("READY=1"), false);
  if (before !== undefined) Deno.env.set("NOTIFY_SOCKET", before);
});
