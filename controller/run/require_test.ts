import assert from "node:assert/strict";
import { requiredClients } from "./require.ts";

Deno.test("require takes all, a count and a share rounded up", () => {
  assert.equal(requiredClients("all", 7), 7);
  assert.equal(requiredClients("3", 7), 3);
  assert.equal(requiredClients("90%", 16), 15);
  assert.equal(requiredClients("1%", 3), 1);
  assert.equal(requiredClients("100%", 3), 3);
  assert.equal(requiredClients("90.5%", 16), 15);
  assert.equal(requiredClients("7%", 100), 7);
});

Deno.test("require refuses what cannot be met or read", () => {
  for (const text of ["0", "8", "0%", "101%", "100.5%", "most", "", "-1", "1.5"]) {
    assert.throws(() => requiredClients(text, 7), TypeError, text);
  }
});
