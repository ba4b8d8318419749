import assert from "node:assert/strict";
import fc from "fast-check";
import { LineIndex } from "./line_index.ts";

Deno.test("lines and columns begin at 1", () => {
  const index = new LineIndex("ab\n\ncd", "f");
  const at = (offset: number) => {
    const { line, column } = index.position(offset);
    return [line, column];
  };
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6].map(at), [[1, 1], [1, 2], [1, 3], [2, 1], [3, 1], [3, 2], [3, 3]]);
  assert.deepEqual([at(-5), at(99)], [[1, 1], [3, 3]]);
});

Deno.test("property: as counting character by character", () => {
  const text = fc.array(fc.constantFrom("a", "\n", "é", "😀", "𝄞"), { maxLength: 40 }).map((parts) =>
    parts.join("")
  );
  fc.assert(fc.property(text, fc.nat(80), (source, wish) => {
    const offset = Math.min(wish, source.length);
    const before = source.slice(0, offset);
    const line = before.split("\n").length;
    const column = Array.from(before.slice(before.lastIndexOf("\n") + 1)).length + 1;
    const split = /[\uD800-\uDBFF]$/.test(before); // half a character counts as one in `before` alone
    const found = new LineIndex(source, "f").position(offset);
    assert.deepEqual([found.line, found.column], [line, split ? found.column : column]);
  }));
});

Deno.test("many places in one long line take no time to speak of", () => {
  const index = new LineIndex("😀x".repeat(300_000), "f");
  let sum = 0;
  for (let i = 0; i < 100_000; i++) sum += index.position(900_000 - i).column;
  assert.ok(sum > 0);
});
