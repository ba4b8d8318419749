/**
 * Verdicts of runs that are to find nothing wrong, on machines that may be crowded.
 *
 * @module
 */
import assert from "node:assert/strict";

/**
 * What a machine that had no processor for the run adds to any test, with the sentence that says it: a start that was late by
 * more than a run allows, and a clock whose answers took too long. Both are figures of the run itself.
 */
const OF_THE_MACHINE: Record<string, RegExp> = {
  "start-skew": /started [\d.]+ ms away from the agreed instant/,
  "clock-error": /its clock is known to ± [\d.]+ ms only/,
};

/** The part of a result document that is looked at. */
interface Judged {
  run: { verdict: string; details?: { code: string; text: string }[]; reasons: string[] };
}

/** Fails unless a run is VALID, or SUSPECT for nothing but what the machine did to it; gives which. */
export function soundVerdict({ run }: Judged): string {
  const { verdict, details = [], reasons } = run;
  assert.ok(details.every(({ code, text }) => OF_THE_MACHINE[code]?.test(text)), reasons.join("; "));
  assert.equal(verdict, details.length === 0 ? "VALID" : "SUSPECT", reasons.join("; "));
  return verdict;
}

/** The same of what a program said on stderr, where a verdict's reasons are below it, indented. */
export function soundlySaid(stderr: string): boolean {
  const said = /^ipbench: (VALID|SUSPECT)\n((?:(?:ipbench: )? {2}.*\n)*)/m.exec(stderr);
  if (said === null) return false;
  const [, verdict, below = ""] = said;
  const reasons = below.split("\n").filter((line) => line !== "");
  const isOfTheMachine = (line: string) =>
    Object.values(OF_THE_MACHINE).some((sentence) => sentence.test(line));
  return verdict === "VALID" || reasons.length > 0 && reasons.every(isOfTheMachine);
}
