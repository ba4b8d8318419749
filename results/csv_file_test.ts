import assert from "node:assert/strict";
import { csvAppend, csvField, csvRow } from "./csv_file.ts";

Deno.test("a header goes into a new file only, a row is one line", () => {
  assert.equal(csvAppend("1,2", "a,b", { isNew: true }), "a,b\n1,2\n");
  assert.equal(csvAppend("1,2", "a,b", { isNew: false, endsInNewline: true }), "1,2\n");
  assert.equal(csvAppend("1,2", "a,b", { isNew: false, endsInNewline: false }), "\n1,2\n");
  assert.equal(csvAppend("1,2", null, { isNew: true }), "1,2\n");
  assert.equal(csvAppend("", "a,b", { isNew: true }), "");
});

Deno.test("fields are quoted where they have to be, and cannot be formulas", () => {
  assert.equal(csvRow([1, "a,b", 'say "x"', null, undefined, true, -5]), '1,"a,b","say ""x""",,,true,-5\n');
  assert.equal(csvField("=cmd()"), "'=cmd()");
  assert.equal(csvField("-12.5"), "-12.5");
  assert.equal(csvField("@sum"), "'@sum");
  assert.equal(csvField("line\nbreak"), '"line\nbreak"');
});
