import assert from "node:assert/strict";
import { groupReasons } from "./reason_groups.ts";

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
