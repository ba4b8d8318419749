import assert from "node:assert/strict";
import { MAX_REMARKS } from "../limits.ts";
import { Remarks } from "./remarks.ts";

function remarksOf(debug: boolean): { remarks: Remarks; said: string[] } {
  const said: string[] = [];
  return { remarks: new Remarks("latency", debug, (level, text) => said.push(`${level} ${text}`)), said };
}

Deno.test("each line names its test once, and empty ones are nothing", () => {
  const { remarks, said } = remarksOf(false);
  for (const line of ["latency: no room", "  ", "", "latency-check: another name", "free(): invalid size"]) {
    remarks.take(line);
  }
  remarks.end();
  assert.deepEqual(said, [
    "warning latency: no room",
    "warning latency: latency-check: another name",
    "warning latency: free(): invalid size",
  ]);
});

Deno.test("of a flood the first lines are shown, and the rest is counted", () => {
  const { remarks, said } = remarksOf(false);
  for (let n = 0; n < MAX_REMARKS; n++) remarks.take(`line ${n}`);
  remarks.end();
  assert.equal(said.length, MAX_REMARKS, "as many as that are no flood");
  said.length = 0;
  for (let n = 0; n < MAX_REMARKS + 1; n++) remarks.take(`line ${n}`);
  remarks.end();
  assert.equal(said.at(-2), `warning latency: line ${MAX_REMARKS - 1}`);
  assert.equal(said.at(-1), "warning latency: and 1 more line; --debug shows them");
  remarks.end();
  assert.equal(said.length, MAX_REMARKS + 1, "said once");
  for (let n = 0; n < 500; n++) remarks.take(`line ${n}`);
  remarks.take("199500 more lines were dropped", 199_500);
  remarks.end();
  assert.equal(said.at(-1), `warning latency: and ${200_000 - MAX_REMARKS} more lines; --debug shows them`);
});

Deno.test("with --debug there is everything", () => {
  const { remarks, said } = remarksOf(true);
  for (let n = 0; n < 1000; n++) remarks.take(`line ${n}`);
  remarks.end();
  assert.equal(said.length, 1000);
  assert.equal(said[999], "info latency: line 999");
});
