import assert from "node:assert/strict";
import { csvAppend, csvField, csvMismatch, csvRow } from "./csv_file.ts";

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

Deno.test("rows go under their own header alone", () => {
  const header = "A,B,C";
  assert.equal(csvMismatch("", { header, row: "1,2,3" }), null, "a new file");
  assert.equal(csvMismatch("A,B,C", { header, row: "1,2,3" }), null);
  assert.match(csvMismatch("A,X,C", { header, row: "1,2,3" })!, /column 2 is X, and of this run it is B/);
  assert.match(csvMismatch("A,B", { header, row: "1,2,3" })!, /column 3 is nothing, and of this run it is C/);
  assert.match(csvMismatch("A,B,C,D", { header, row: "1,2,3" })!, /column 4 is D/);
  // Before a run only the tester's own columns are known.
  assert.equal(csvMismatch("A,B,C,D", { header, more: true }), null);
  assert.match(csvMismatch("B,A,C,D", { header, more: true })!, /column 1 is B/);
  // Without a header there, or here, as many columns are all that can be asked for.
  assert.equal(csvMismatch("7,8,9", { header, row: "1,2,3" }), null);
  assert.match(csvMismatch("7,8", { header, row: "1,2,3" })!, /have 2 columns, and this run's has 3/);
  assert.match(csvMismatch("A,B", { header: null, row: "1,2,3" })!, /have 2 columns/);
  assert.equal(csvMismatch('A,"B,b",', { header: null, row: "1,2," }), null);
});
