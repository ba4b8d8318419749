import assert from "node:assert/strict";
import {
  formatDuration,
  formatNanoseconds,
  formatQuantity,
  parseValues,
  requireNumber,
  requireQuantity,
  requireSeconds,
  requireShare,
  UnitError,
} from "./values.ts";

Deno.test("a number is read with its unit", () => {
  const cases: [string, number, string][] = [
    ["64", 64, ""],
    ["10M", 10_000_000, ""],
    ["1.5G", 1_500_000_000, ""],
    ["10k", 10_000, ""],
    ["64Ki", 65_536, ""],
    ["2Mi", 2_097_152, ""],
    ["1e6", 1_000_000, ""],
    ["1.1M", 1_100_000, ""],
    ["0.5%", 0.005, "%"],
    ["200us", 0.0002, "s"],
    ["200µs", 0.0002, "s"],
    ["5 ms", 0.005, "s"],
    ["2s", 2, "s"],
    ["3min", 180, "s"],
  ];
  for (const [text, value, unit] of cases) assert.deepEqual(requireQuantity(text), { value, unit }, text);
});

Deno.test("what is no number with a known unit is refused by name", () => {
  for (const text of ["", "M", "10Q", "1..2", "0x10", "10 M M", "Infinity", "1e999"]) {
    assert.throws(() => requireQuantity(text), UnitError, text);
  }
  assert.throws(() => requireQuantity("10Q"), /"10Q" is not a number with a unit \(known units: k, M,/);
});

Deno.test("kinds are kept apart", () => {
  assert.equal(requireNumber("10M"), 1e7);
  assert.throws(() => requireNumber("10ms"), UnitError);
  assert.equal(requireSeconds("1.5"), 1.5);
  assert.equal(requireSeconds("500ms"), 0.5);
  assert.throws(() => requireSeconds("10M"), UnitError);
  assert.throws(() => requireSeconds("-1s"), UnitError);
  assert.equal(requireSeconds("168h"), 604_800);
  assert.throws(() => requireSeconds("1e30"), /"1e30" is too long; a week \(168h\) is the most/);
  assert.equal(requireShare("0.5%"), 0.005);
  assert.equal(requireShare("0.005"), 0.005);
  assert.throws(() => requireShare("101%"), UnitError);
  assert.throws(() => requireShare("2ms"), UnitError);
});

Deno.test("lists and ranges are expanded in order", () => {
  assert.deepEqual(parseValues("64,512,1472"), ["64", "512", "1472"]);
  assert.deepEqual(parseValues("10M:50M:20M"), ["10000000", "30000000", "50000000"]);
  assert.deepEqual(parseValues("10M:1G:100M").length, 10);
  assert.deepEqual(parseValues("10M:1G:100M").at(-1), "910000000");
  assert.deepEqual(parseValues("1M:8M:x2"), ["1000000", "2000000", "4000000", "8000000"]);
  assert.deepEqual(parseValues("64,1Ki:2Ki:512"), ["64", "1024", "1536", "2048"]);
  assert.deepEqual(parseValues("0.1:0.5:0.1"), ["0.1", "0.2", "0.3", "0.4", "0.5"]);
  assert.deepEqual(parseValues("10ms:30ms:10ms"), ["10ms", "20ms", "30ms"]);
  assert.deepEqual(parseValues("1%:3%:1%"), ["1%", "2%", "3%"]);
  assert.deepEqual(parseValues("udp,tcp"), ["udp", "tcp"]);
  assert.deepEqual(parseValues("aa:bb:cc:dd:ee:ff"), ["aa:bb:cc:dd:ee:ff"]);
});

Deno.test("a range that makes no sense is refused", () => {
  const wrong = [
    "",
    "1,,2",
    "10:1:1",
    "1:10",
    "1:10:0",
    "1:10:-1",
    "1:10:x1",
    "0:10:x2",
    "1:1e9:1",
    "1s:10:1",
    "1,1",
  ];
  for (const text of wrong) assert.throws(() => parseValues(text), UnitError, text);
});

Deno.test("numbers are written for people", () => {
  assert.equal(formatQuantity(10_000_000), "10M");
  assert.equal(formatQuantity(1_234_567), "1.2346M");
  assert.equal(formatQuantity(64), "64");
  assert.equal(formatNanoseconds(1500), "1.5us");
  assert.equal(formatNanoseconds(2e6), "2ms");
  assert.equal(formatDuration(75), "1 min 15 s");
  assert.equal(formatDuration(7300), "2 h 1 min");
  assert.equal(formatDuration(4), "4 s");
});
