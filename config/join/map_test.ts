import assert from "node:assert/strict";
import { IndexMap } from "./map.ts";

const BASE = { target: "10.0.0.9", port: null, args: "bps=10M,size=64" };

function read(text: string, count: number): IndexMap {
  const map = IndexMap.parse(text, count);
  if (typeof map === "string") throw new Error(map);
  return map;
}

Deno.test("a rule is for a number, a range, every nth, or all; later rules come over earlier ones", () => {
  const map = read("size=128; 0-3: bps=1M; 2,8-: bps=2M,port=7; 0-9/5: size=1400", 10);
  const args = (index: number) => map.at(index, BASE).args;
  assert.equal(args(0), "bps=1M,size=1400");
  assert.equal(args(1), "bps=1M,size=128");
  assert.equal(args(2), "bps=2M,size=128");
  assert.equal(args(5), "bps=10M,size=1400");
  assert.equal(args(9), "bps=2M,size=128");
  assert.deepEqual([7, 8].map((index) => map.at(index, BASE).port), [null, 7]);
});

Deno.test("targets are dealt out round robin, among those that a rule is for; ranges of names are written out", () => {
  const map = read("target=10.0.0.[1-2]|t3; 4-9/2: target=a|b", 10);
  const targets = Array.from({ length: 10 }, (_, index) => map.at(index, BASE).target);
  assert.deepEqual(targets, [
    ...["10.0.0.1", "10.0.0.2", "t3", "10.0.0.1"],
    ...["a", "t3", "b", "10.0.0.2", "a", "10.0.0.1"],
  ]);
});

Deno.test("shares follow on one another and leave nobody out", () => {
  for (const count of [1, 3, 10, 997]) {
    const map = read("33%: size=1; 33%: size=2; 34%: size=3", count);
    const sizes = Array.from({ length: count }, (_, index) => map.at(index, { ...BASE, args: "" }).args);
    assert.deepEqual(sizes, sizes.toSorted());
    assert.ok(sizes.every((args) => args !== ""));
    const share = sizes.filter((args) => args === "size=1").length;
    assert.ok(Math.abs(share - 0.33 * count) <= 1, `${share} of ${count}`);
  }
});

Deno.test("a value in quotes holds what would separate", () => {
  assert.equal(read('0: text="a;b,c"', 1).at(0, { ...BASE, args: "" }).args, 'text="a;b,c"');
});

Deno.test("what is wrong is named", () => {
  for (
    const [text, wrong] of [
      ["x: bps=1", /"x: bps" is no setting/],
      ["7.5: bps=1", /"7.5" is no number of testers/],
      ["5-2: bps=1", /5-2 goes backwards/],
      ["0-10: bps=1", /beyond the last of 10 testers, which has the number 9/],
      ["12-: bps=1", /beyond the last/],
      ["0-9\/0: bps=1", /every 0th/],
      ["60%: bps=1; 50%: bps=2", /add up to 110%/],
      ["3:", /sets nothing/],
      ["3: bps", /"bps" is no setting/],
      ["target=a b", /not a host name/],
      ["port=99999", /is not a port/],
      ["target=t[3-1]", /goes backwards/],
    ] as const
  ) {
    const map = IndexMap.parse(text, 10);
    assert.match(typeof map === "string" ? map : "nothing", wrong, text);
  }
});

Deno.test("property: any text is a map or a sentence, and a map knows what everybody does", () => {
  const letters = [
    "0",
    "9",
    "-",
    "/",
    "%",
    ":",
    ";",
    ",",
    "|",
    "=",
    '"',
    "a",
    "target",
    "port",
    " ",
    "[",
    "]",
  ];
  for (let n = 0; n < 3_000; n++) {
    const length = Math.floor(Math.random() * 14);
    const text = Array.from({ length }, () => letters[Math.floor(Math.random() * letters.length)]).join("");
    const map = IndexMap.parse(text, 7);
    if (typeof map === "string") continue;
    for (let index = 0; index < 7; index++) assert.equal(typeof map.at(index, BASE).args, "string", text);
  }
});
