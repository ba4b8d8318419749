import assert from "node:assert/strict";
import { expandAbbreviations, OPTION_NAMES, ORIGINAL_OPTIONS } from "./command_line.ts";

const KNOWN = Object.values(OPTION_NAMES);

Deno.test("a beginning that fits one option alone is written out", () => {
  assert.deepEqual(expandAbbreviations(["--target-test-host", "h", "--cli=a", "--test-p", "1"], KNOWN), [
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

Deno.test("what fits one of the original's options alone means it, and -c=VALUE is a value", () => {
  // As Python's argparse reads them with the original's options.
  const line = [
    "-c=HOST",
    "-P=1235",
    "--p",
    "5",
    "--r",
    "--d",
    "-dr",
    "-dcX",
    "-cY",
    "--test-a=x=1,y=2",
    "--t",
  ];
  assert.deepEqual(expandAbbreviations(line, KNOWN, ORIGINAL_OPTIONS.ipbench), [
    ...[
      "-cHOST",
      "-P1235",
      "--port",
      "5",
      "--reset",
      "--debug",
      "-dr",
      "-dcX",
      "-cY",
      "--test-args=x=1,y=2",
      "--t",
    ],
  ]);
});

Deno.test("nothing after -- is an option", () => {
  assert.deepEqual(expandAbbreviations(["--", "--cl", "-c=x"], KNOWN), ["--", "--cl", "-c=x"]);
});
