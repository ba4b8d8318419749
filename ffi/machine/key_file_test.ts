import assert from "node:assert/strict";
import { othersCanRead } from "./key_file.ts";

const OWN = 65532;
const CASES: [mode: number | null, uid: number, gid: number, others: boolean][] = [
  [0o600, 1000, 1000, false],
  [0o400, 0, 0, false],
  [0o644, 0, OWN, true],
  [0o640, 1000, OWN, true],
  [0o440, 0, OWN, false],
  [0o460, 0, OWN, true],
  [0o440, 0, 4, true],
  [0o444, 0, OWN, true],
  [0o440, 0, 0, true],
  [null, 0, 0, false],
];
for (const [mode, uid, gid, others] of CASES) {
  Deno.test(`mode ${mode?.toString(8)} of ${uid}:${gid}: others ${others ? "can" : "cannot"} read it`, () => {
    assert.equal(othersCanRead({ mode, uid, gid }, OWN), others);
  });
}

Deno.test("root's own group is nobody's group alone", () => {
  assert.equal(othersCanRead({ mode: 0o440, uid: 0, gid: 0 }, 0), true);
});
