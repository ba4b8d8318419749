import assert from "node:assert/strict";
import { MAX_LOG_CHARACTERS_PER_SECOND, MAX_LOG_LINE_BYTES, MAX_LOG_LINES_PER_SECOND } from "./limits.ts";
import { LogLines, printable } from "./log_lines.ts";

function collect(now = () => 0): { lines: string[]; log: LogLines; push: (text: string) => void } {
  const lines: string[] = [];
  const log = new LogLines((line) => lines.push(line), now);
  return { lines, log, push: (text) => log.push(new TextEncoder().encode(text)) };
}

Deno.test("log lines: halves are joined, the last one comes at the end", () => {
  const { lines, log, push } = collect();
  push("one\ntw");
  push("o\nthr");
  assert.deepEqual(lines, ["one", "two"]);
  push("ee");
  log.end();
  assert.deepEqual(lines, ["one", "two", "three"]);
});

Deno.test("log lines: a character that is split between two reads stays whole", () => {
  const { lines, log } = collect();
  const bytes = new TextEncoder().encode("µs\n");
  log.push(bytes.slice(0, 1));
  log.push(bytes.slice(1));
  assert.deepEqual(lines, ["µs"]);
});

Deno.test("log lines: a line without an end is cut", () => {
  const { lines, push } = collect();
  push("x".repeat(MAX_LOG_LINE_BYTES * 2 + 1));
  assert.deepEqual(lines.map((line) => line.length), [MAX_LOG_LINE_BYTES, MAX_LOG_LINE_BYTES]);
});

Deno.test("log lines: a flood is counted, not passed on", () => {
  let now = 0, count = 0;
  const lines: string[] = [];
  const log = new LogLines((line, stands) => {
    lines.push(line);
    count += stands;
  }, () => now);
  const push = (text: string) => log.push(new TextEncoder().encode(text));
  push("spam\n".repeat(MAX_LOG_LINES_PER_SECOND + 10));
  assert.equal(lines.length, MAX_LOG_LINES_PER_SECOND);
  now = 1500;
  push("next\n");
  assert.deepEqual(lines.slice(-2), ["10 more lines were dropped", "next"]);
  log.end();
  assert.equal(lines.length, MAX_LOG_LINES_PER_SECOND + 2);
  assert.equal(count, MAX_LOG_LINES_PER_SECOND + 11, "each line is counted once, shown or not");
});

Deno.test("log lines: a flood of long lines is counted, not passed on, however it comes", () => {
  const long = "x".repeat(MAX_LOG_LINE_BYTES), most = MAX_LOG_CHARACTERS_PER_SECOND / MAX_LOG_LINE_BYTES;
  for (const flood of ["bytes", "messages"]) {
    const { lines, log, push } = collect();
    for (let count = 0; count < most + 10; count++) {
      if (flood === "bytes") push(`${long}\n`);
      else log.add(`${long}more`);
    }
    assert.equal(lines.length, most);
    log.end();
    assert.equal(lines.at(-1), "10 more lines were dropped");
  }
});

Deno.test("log lines: control characters do not reach a terminal", () => {
  assert.equal(printable("a\x1b[31mb\u009bc\td\r"), "a [31mb c\td");
});
