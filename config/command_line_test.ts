import assert from "node:assert/strict";
import { expandAbbreviations, OPTION_NAMES } from "./command_line.ts";

const KNOWN = Object.values(OPTION_NAMES);

Deno.test("a beginning that fits one option alone is written out", () => {
  assert.deepEqual(expandAbbreviations(["--target-test-host", "h", "--cl=a", "--test-p", "1"], KNOWN), [
    "--target-test-hostname",
    "h",
    "--client=a",
    "--test-port",
    "1",
  ]);
});

Deno.test("a whole name wins over the longer ones that begin with it", () => {
  assert.deepEqual(expandAbbreviations(["--test", "--target-test"], KNOWN), ["--test", "--target-test"]);
});

Deno.test("what fits several or none is left for the parser to judge", () => {
  assert.deepEqual(expandAbbreviations(["--t", "--zzz", "-c", "x"], KNOWN), ["--t", "--zzz", "-c", "x"]);
});

Deno.test("nothing after -- is an option", () => {
  assert.deepEqual(expandAbbreviations(["--", "--cl"], KNOWN), ["--", "--cl"]);
});
