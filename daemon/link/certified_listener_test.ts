import assert from "node:assert/strict";
import { canAskForCertificates } from "./certified_listener.ts";

Deno.test("only a runtime that is new enough asks clients for certificates", () => {
  for (const old of ["2.6.8", "2.8.3"]) assert.equal(canAskForCertificates(old), false, old);
  for (const good of ["2.9.0", "2.9.6", "2.10.0", "3.0.0"]) {
    assert.equal(canAskForCertificates(good), true, good);
  }
});
