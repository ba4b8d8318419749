import assert from "node:assert/strict";
import fc from "fast-check";
import { editDistance, nearest, suggestion } from "./nearest.ts";

Deno.test("edits are counted, a swap of neighbours as one", () => {
  assert.equal(editDistance("client", "client"), 0);
  assert.equal(editDistance("cleint", "client"), 1);
  assert.equal(editDistance("cient", "client"), 1);
  assert.equal(editDistance("", "abc"), 3);
});

Deno.test("the nearest name is found, nothing far is offered", () => {
  const known = ["hostname", "port", "test_port", "test_args", "test_target"];
  assert.equal(nearest("hostnmae", known), "hostname");
  assert.equal(nearest("host", known), "hostname");
  assert.equal(nearest("test_arg", known), "test_args");
  assert.equal(nearest("Port", known), "port");
  assert.equal(nearest("targettest", ["test", "target_test", "sweep"]), "target_test");
  assert.equal(nearest("colour", known), null);
  assert.equal(nearest("x".repeat(1000), known), null);
});

Deno.test("the end of a message", () => {
  assert.equal(suggestion("prot", ["port"]), '; did you mean "port"?');
  assert.equal(suggestion("zzz", ["port", "args"]), "; known: port, args");
  assert.equal(suggestion("zzz", []), "; none is expected here");
});

Deno.test("property: the distance is a metric", () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(fc.property(word, word, (a, b) => {
    assert.equal(editDistance(a, b), editDistance(b, a));
    assert.equal(editDistance(a, b) === 0, a === b);
    assert.ok(editDistance(a, b) <= Math.max(a.length, b.length));
  }));
});
