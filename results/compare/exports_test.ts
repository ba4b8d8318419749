import assert from "node:assert/strict";
import { parseXml } from "@rgrove/parse-xml";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { reportPoints } from "../report/point.ts";
import { compareSides } from "./compare.ts";
import { compareJson, compareJunit } from "./exports.ts";
import { failures, parseFailIf } from "./fail_if.ts";

const NAMES = { a: "before", b: "after" };

function sides() {
  const side = (slowdown: number) =>
    Array.from(
      { length: 6 },
      (_, n) =>
        reportPoints(
          makeDocument({ samples: 500, intervals: 2, seed: n + 1, slowdown: slowdown * (1 + n / 200) }),
          "",
        )[0]!,
    );
  return compareSides(side(1), side(1.5), { metrics: ["p50", "loss"] });
}

Deno.test("JSON has every row with its numbers, and which condition it met", () => {
  const comparison = sides();
  const failed = failures(comparison, [parseFailIf("p50 +5%")]);
  const document = JSON.parse(compareJson(comparison, NAMES, failed, []));
  assert.deepEqual([document.format, document.a, document.b], ["ipbench-compare/1", "before", "after"]);
  const [p50, loss] = document.rows;
  assert.deepEqual([p50.metric, p50.unit, p50.finding, p50.failed], ["p50", "ns", "worse", ["p50 +5%"]]);
  assert.ok(Math.abs(p50.change - 0.5) < 0.05 && p50.interval.low < 0.5 && 0.5 < p50.interval.high);
  assert.deepEqual([loss.metric, loss.scale, loss.failed], ["loss", "points", []]);
});

Deno.test("JUnit: with conditions those fail that met one, without those that got worse; what is missing fails", () => {
  const comparison = sides();
  const suite = (text: string) => {
    const { attributes } = parseXml(text).root!;
    return [attributes["tests"], attributes["failures"]];
  };
  assert.deepEqual(suite(compareJunit(comparison, NAMES, [], [], false)), ["2", "1"]);
  assert.deepEqual(suite(compareJunit(comparison, NAMES, [], [], true)), ["2", "0"]);
  const failed = failures(comparison, [parseFailIf("p50 +5%")]);
  const text = compareJunit(comparison, NAMES, failed, ["only A has the point 128 B"], true);
  assert.deepEqual(suite(text), ["3", "2"]);
  assert.match(text, /classname="ipbench.compare.after" name="64 B, 100 Mbit\/s: response p50"/);
});
