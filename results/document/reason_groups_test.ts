import assert from "node:assert/strict";
import { codesOf, groupReasons, groupRuns } from "./reason_groups.ts";

const late = (ms: string, worst: string) =>
  `packets left late: 1 % of them ${ms} ms or more after they were due (limit 1.000 ms, worst ${worst} ms)`;

Deno.test("reasons that differ in numbers and hosts are one sentence with the ranges", () => {
  assert.deepEqual(
    groupReasons([
      { host: "lab1", text: late("6.214", "21.6") },
      { host: "lab2", text: "the hypervisor took 1.58 % of this machine's processor time" },
      { host: "lab2", text: late("10.5", "9") },
    ]),
    [
      "lab1, lab2: packets left late: 1 % of them 6.214 to 10.5 ms or more after they were due " +
      "(limit 1.000 ms, worst 9 to 21.6 ms)",
      "lab2: the hypervisor took 1.58 % of this machine's processor time",
    ],
  );
});

Deno.test("of many hosts the number is told, of none nothing", () => {
  const many = Array.from({ length: 40 }, (_, n) => ({ host: `lab${n}`, text: `${n} lost` }));
  assert.deepEqual(groupReasons(many), ["40 hosts (lab0 …): 0 to 39 lost"]);
  assert.deepEqual(groupReasons([{ text: "5 lost" }, { text: "5 lost" }]), ["5 lost"]);
});

Deno.test("numbers inside of names, addresses and words are no numbers", () => {
  const texts = [
    "10.0.0.1:8036 did not answer",
    "10.0.0.2:8036 did not answer",
    "p99 of CPU0",
    "p99 of CPU1",
  ];
  assert.deepEqual(groupReasons(texts.map((text) => ({ text }))), texts);
});

Deno.test("reasons of one code are one group, whatever their words", () => {
  const gaps = (times: number, remedy: string) => ({
    code: "scheduling-gaps",
    text: `the loop stood still ${times} times (${remedy})`,
  });
  const groups = groupReasons([
    { ...gaps(3, "try rt="), host: "a" },
    { code: "steal", text: "5 lost" },
    { ...gaps(9, "try rt="), host: "b" },
    { ...gaps(4, "rt= is set"), host: "a" },
  ]);
  assert.deepEqual(groups, [
    "a, b: the loop stood still 3 to 9 times (try rt=); the loop stood still 4 times (rt= is set)",
    "5 lost",
  ]);
  const letters = [..."abcde"].map((letter) => ({ code: "x", text: letter }));
  assert.deepEqual(groupReasons(letters), ["a; b; c; and 2 more of the kind"]);
});

Deno.test("reasons of many runs are told once, with how many have them", () => {
  const late = (ms: number) => ({ code: "send-lateness", host: "a", text: `left ${ms} ms late` });
  const gone = { text: "the target died" };
  assert.deepEqual(groupRuns([[late(2), gone], [late(9), late(1)], []], "8 points"), [
    "send-lateness, 2 of 8 points: a: left 1 to 9 ms late",
    "1 of 8 points: the target died",
  ]);
  assert.equal(codesOf([late(1), gone, late(2), { code: "steal", text: "" }]), "send-lateness, steal");
  assert.equal(codesOf([gone]), null);
});
