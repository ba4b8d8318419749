import assert from "node:assert/strict";
import { findingsOf } from "../../controller/quick/findings.ts";
import type { QuickDocument } from "../../controller/quick/quick_document.ts";
import { quickDocument, quickPhase, quickTrips } from "../../tests/fixtures/quick.ts";
import { quickScreen, SCREEN_COLUMNS, SCREEN_LINES } from "./quick_screen.ts";

function assertFits(document: QuickDocument): string[] {
  const lines = quickScreen(document);
  assert.ok(SCREEN_LINES < 24 && lines.length <= SCREEN_LINES, `${lines.length} lines`);
  for (const line of lines) assert.ok(Array.from(line).length <= SCREEN_COLUMNS, `too wide: ${line}`);
  return lines;
}

Deno.test("the screen shows figures, verdict and findings", () => {
  const document = quickDocument();
  const lines = assertFits({ ...document, findings: findingsOf(document.phases, "10.0.0.9") });
  assert.deepEqual(lines.slice(0, 4), [
    "ipbench quick: this machine to 10.0.0.9 (ipbenchd/1.0.0, port 8037; 24 s)",
    "",
    "                  up        down   round    trip     adds     round          CPU",
    "                                  median    95 %  if full trips/min   lost there",
  ]);
  assert.match(lines.join("\n"), /\nTCP up +19\.1 Mbit\/s +– +46 ms 50\.6 ms +50\.4 ms +1304 +1\.2 % +3 %\n/);
  assert.ok(lines.includes("VALID: nothing disturbed the measurement."));
  assert.ok(lines.some((line) => line.startsWith("- The queue towards 10.0.0.9 adds 50 ms when full")));
});

Deno.test("however much there is to tell, it stays one screen, and says what is left out", () => {
  const wide = quickPhase("both", {
    up_bps: 99.94e9,
    down_bps: 99.94e9,
    rtt: quickTrips(123.4),
    full_ns: -123.4e6,
    rpm: 99_999,
    loss: 0.00012,
    cpu: 1,
  });
  const host = `a-very-long-name-of-a-machine-${"x".repeat(60)}.example`;
  const phases = (["idle", "up", "down", "both", "udp"] as const).map((phase) => ({ ...wide, phase }));
  const reasons = Array.from({ length: 20 }, (_, i) => ({
    phase: "up" as const,
    level: "SUSPECT" as const,
    code: `code-${String.fromCharCode(97 + i)}`,
    text: `reason ${"word ".repeat(60)} number ${i}`,
  }));
  const findings = Array.from(
    { length: 12 },
    (_, i) => ({ code: `${i}`, text: `A finding of many words ${"word ".repeat(25)}` }),
  );
  const lines = assertFits(
    quickDocument({ host, phases, verdict: "SUSPECT", reasons, findings, missing: ["What else."] }),
  );
  assert.match(lines.at(-1)!, /^- … and \d+ more: --json has all$/);
  assert.ok(lines.some((line) => /^ {2}… and \d+ more: --json has all$/.test(line)));
});

Deno.test("the same reason of several phases is told once, with the phases", () => {
  const reason = {
    level: "SUSPECT" as const,
    code: "tester-processor",
    text: "all 2 processors of the tester were busy",
  };
  const lines = assertFits(quickDocument({
    verdict: "SUSPECT",
    reasons: [{ ...reason, phase: "up" }, { ...reason, phase: "down" }],
  }));
  const text = lines.join(" ").replaceAll(/ +/g, " ");
  assert.match(
    text,
    /SUSPECT: the tester's processors were at their limit: the network may carry more \(TCP up, TCP down\)/,
  );
});

Deno.test("what comes from the network cannot write to the terminal", () => {
  const lines = assertFits(quickDocument({ missing: ["bad \x1b[31m text"] }));
  assert.ok(!lines.join("").includes("\x1b"));
});

Deno.test("where nothing was measured there is no empty table", () => {
  const lines = quickScreen(
    quickDocument({ phases: [], verdict: "INVALID", missing: ["TCP up, TCP down failed: why."] }),
  );
  assert.doesNotMatch(lines.join("\n"), /median/);
  assert.deepEqual(lines.slice(1), ["", "INVALID: nothing was measured.", "- TCP up, TCP down failed: why."]);
});
