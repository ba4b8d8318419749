import assert from "node:assert/strict";
import { fit, plainText, terminalText, wrapWords } from "./text.ts";

Deno.test("lines are cut by characters, not by UTF-16 units", () => {
  assert.equal(fit("abc", 3), "abc");
  assert.equal(fit("abcd", 3), "ab…");
  assert.equal(fit("😀😀😀😀", 3), "😀😀…");
});

Deno.test("control characters are taken out", () => {
  assert.equal(plainText("a\x1b[31mb\r\n\tc\u2028d\u009be"), "a?[31mb?  c?d?e");
});

Deno.test("a terminal gets escapes for what it would obey, and colours of our own", () => {
  assert.equal(terminalText("1,2\n\t3\0"), "1,2\n\t3");
  assert.equal(terminalText("a\x1b]0;t\x07b\rc\x9bd"), "a\\x1b]0;t\\x07b\\x0dc\\x9bd");
  assert.equal(terminalText("x\u202ey\u2066z\u200f"), "x\\u202ey\\u2066z\\u200f");
  assert.equal(terminalText("\x1b[31merror:\x1b[39m \x1b[8mhidden"), "\x1b[31merror:\x1b[39m \\x1b[8mhidden");
  assert.equal(plainText("a\u202eb"), "a?b");
});

Deno.test("lines break between words, and what follows is indented", () => {
  assert.equal(wrapWords("short\na b", 5), "short\na b");
  assert.equal(wrapWords("one two three\nfour\n", 8), "one two\n  three\nfour\n");
  assert.equal(wrapWords("host   one  two three", 13), "host   one\n  two three");
  assert.equal(wrapWords("  goal   1  2", 20), "  goal   1  2");
  assert.equal(wrapWords("a-word-that-is-too-long for it", 10), "a-word-that-is-too-long\n  for it");
});
