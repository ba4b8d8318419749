/**
 * The fault matrix with real links: the interface to a tester or to the target goes down. Needs root and network
 * namespaces.
 */
import assert from "node:assert/strict";
import { messageOf } from "../../base/errors.ts";
import { DOWN_CELLS, nameOf } from "./matrix/cells.ts";
import { tryLinkDown } from "./matrix/link_down.ts";
import { hasNamespaces } from "../util/mod.ts";

Deno.test({
  name: `fault matrix, links that go down: ${DOWN_CELLS.length} cells`,
  ignore: !hasNamespaces(),
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    // Side by side: they wait more than they work.
    const wrong = await Promise.all(DOWN_CELLS.map(async (cell, n) => {
      try {
        await tryLinkDown(cell, String.fromCharCode("a".charCodeAt(0) + n));
        return [];
      } catch (error) {
        return [`${nameOf(cell)}: ${messageOf(error)}`];
      }
    }));
    assert.deepEqual(wrong.flat(), []);
  },
});
