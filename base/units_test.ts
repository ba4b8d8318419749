import assert from "node:assert/strict";
import fc from "fast-check";
import { parseNumber, parseQuantity, parseSeconds, parseShare } from "./units.ts";

Deno.test("prefixes are powers of 1000 and of 1024", () => {
  assert.deepEqual(parseQuantity("10M"), { value: 10_000_000, unit: "" });
  assert.deepEqual(parseQuantity("1.5G"), { value: 1_500_000_000, unit: "" });
  assert.deepEqual(parseQuantity("8Ki"), { value: 8192, unit: "" });
  assert.deepEqual(parseQuantity("2k"), { value: 2000, unit: "" });
  assert.deepEqual(parseQuantity("2K"), { value: 2000, unit: "" });
  assert.deepEqual(parseQuantity("-3e2"), { value: -300, unit: "" });
});

Deno.test("a decimal fraction with a prefix is exact", () => {
  assert.equal(parseNumber("0.1M"), 100_000);
  assert.equal(parseNumber("1.1M"), 1_100_000);
  assert.equal(parseSeconds("0.3ms"), 0.0003);
});

Deno.test("times come out in seconds, shares as fractions", () => {
  assert.equal(parseSeconds("200us"), 0.0002);
  assert.equal(parseSeconds("200µs"), 0.0002);
  assert.equal(parseSeconds("2min"), 120);
  assert.equal(parseSeconds("90"), 90);
  assert.equal(parseShare("0.5%"), 0.005);
  assert.equal(parseShare("0.02"), 0.02);
});

Deno.test("a unit of another kind is refused", () => {
  assert.equal(parseSeconds("5%"), null);
  assert.equal(parseShare("5s"), null);
  assert.equal(parseNumber("5s"), null);
});

Deno.test("what is no number with a known unit is refused", () => {
  for (
    const text of ["", "M", "10X", "1e", "0x10", "1 2", "10mM", "NaN", "Infinity", "1e999", "--1", "ten"]
  ) {
    assert.equal(parseQuantity(text), null, text);
  }
});

Deno.test("property: every whole number survives being written", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), (n) => assert.equal(parseNumber(String(n)), n)));
});

Deno.test("property: any text gives a finite number or null, never an exception", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const quantity = parseQuantity(text);
    assert.ok(quantity === null || Number.isFinite(quantity.value));
  }));
});
