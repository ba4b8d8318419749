import assert from "node:assert/strict";
import { coloured, colourOutcome, colourRegular, colourVerdict } from "./colours.ts";

const TERMINAL = { isTerminal: () => true };
const PIPE = { isTerminal: () => false };

/** Runs something with an environment that shows colours, or one that does not. */
function withEnvironment(values: { NO_COLOR?: string; TERM: string }, work: () => void): void {
  const before = { NO_COLOR: Deno.env.get("NO_COLOR"), TERM: Deno.env.get("TERM") };
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  try {
    set("NO_COLOR", values.NO_COLOR);
    set("TERM", values.TERM);
    work();
  } finally {
    set("NO_COLOR", before.NO_COLOR);
    set("TERM", before.TERM);
  }
}

Deno.test("a verdict has its colour on a terminal: the first one of a line, and nothing else of it", () => {
  withEnvironment({ TERM: "xterm" }, () => {
    assert.equal(colourVerdict(TERMINAL, "ipbench: VALID"), "ipbench: \x1b[32mVALID\x1b[39m");
    assert.equal(
      colourVerdict(TERMINAL, "1/2 bps=1: SUSPECT, was INVALID before"),
      "1/2 bps=1: \x1b[33mSUSPECT\x1b[39m, was INVALID before",
    );
    assert.equal(
      colourVerdict(TERMINAL, "trial 1: 1M for 1 s: invalid (x)"),
      "trial 1: 1M for 1 s: \x1b[31minvalid\x1b[39m (x)",
    );
    assert.equal(colourVerdict(TERMINAL, "nothing is INVALIDATED"), "nothing is INVALIDATED");
    assert.equal(colourOutcome(TERMINAL, "h:1   done  1 s"), "h:1   \x1b[32mdone\x1b[39m  1 s");
    assert.equal(colourOutcome(TERMINAL, "h:1  failed in setup"), "h:1  \x1b[31mfailed\x1b[39m in setup");
    assert.equal(
      colourRegular(
        TERMINAL,
        "goal  result\nndr   regular\npdr   irregular (max-load)\nno regular result.\n",
      ),
      "goal  result\nndr   \x1b[32mregular\x1b[39m\npdr   \x1b[33mirregular (max-load)\x1b[39m\nno regular result.\n",
    );
  });
});

Deno.test("NO_COLOR, TERM=dumb and pipes get no colours", () => {
  withEnvironment({ TERM: "xterm" }, () => assert.equal(coloured(PIPE, "bad", "x"), "x"));
  withEnvironment({ TERM: "dumb" }, () => assert.equal(coloured(TERMINAL, "bad", "x"), "x"));
  withEnvironment({ TERM: "xterm", NO_COLOR: "1" }, () => assert.equal(coloured(TERMINAL, "bad", "x"), "x"));
  withEnvironment(
    { TERM: "xterm", NO_COLOR: "" },
    () => assert.notEqual(coloured(TERMINAL, "bad", "x"), "x"),
  );
});
