import assert from "node:assert/strict";
import { addressesOf, connectFirst } from "./connect.ts";

/** One address that swallows packets, some that refuse, and others. */
function connect(log: string[]) {
  return (address: string, signal: AbortSignal): Promise<string> => {
    log.push(address);
    if (address.startsWith("hole")) {
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new Error("given up")))
      );
    }
    return address.startsWith("refuses") ? Promise.reject(new Error("refused")) : Promise.resolve(address);
  };
}

Deno.test("an address that refuses or swallows packets does not keep the next one from being tried", async () => {
  const log: string[] = [];
  assert.equal(await connectFirst(["hole", "refuses", "answers", "never"], 120, connect(log)), "answers");
  assert.deepEqual(log, ["hole", "refuses", "answers"]);
});

Deno.test("when none answers each is named, within the time for all", async () => {
  const began = performance.now();
  await assert.rejects(connectFirst(["hole 1", "refuses", "hole 2"], 150, connect([])), {
    message: "hole 1: no connection within 0 s; refuses: refused; hole 2: no connection within 0 s",
  });
  assert.ok(performance.now() - began >= 140);
  await assert.rejects(connectFirst(["refuses"], 150, connect([])), { message: "refused" });
});

Deno.test("of a name with thousands of addresses few are tried", async () => {
  const log: string[] = [];
  const many = Array.from({ length: 4_080 }, (_, n) => `refuses ${n}`);
  await assert.rejects(connectFirst(many, 1_000, connect(log)), /refuses 7: refused$/);
  assert.equal(log.length, 8);
});

Deno.test("what is an address already is not looked up", async () => {
  for (const host of ["10.0.0.1", "::1"]) assert.deepEqual(await addressesOf(host, 0), [host]);
});
