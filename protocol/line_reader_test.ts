import assert from "node:assert/strict";
import fc from "fast-check";
import { LineReader, type LineToken } from "./line_reader.ts";

const encoder = new TextEncoder();

/** Feeds pieces, and takes all lines after each. */
function readAll(pieces: readonly (string | Uint8Array)[], limit?: number): LineToken[] {
  const reader = new LineReader(limit);
  const tokens: LineToken[] = [];
  for (const piece of pieces) {
    reader.push(typeof piece === "string" ? encoder.encode(piece) : piece);
    for (let token = reader.readLine(); token !== null; token = reader.readLine()) tokens.push(token);
  }
  return tokens;
}

const line = (text: string): LineToken => ({ type: "line", text });

Deno.test("LineReader: lines end in LF or CRLF, a half one is kept back", () => {
  assert.deepEqual(readAll(["HELLO\r\nLOAD a\n\nSET"]), [line("HELLO"), line("LOAD a"), line("")]);
});

Deno.test("LineReader: byte by byte gives the same lines", () => {
  const bytes = encoder.encode("HELLO\r\nLOAD dummy\n  x  \nöä\n");
  const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte));
  assert.deepEqual(readAll(pieces), readAll([bytes]));
  assert.equal(readAll([bytes]).length, 4);
});

Deno.test("LineReader: a CR in the middle of a line stays there", () => {
  assert.deepEqual(readAll(["a\rb\r\r\n"]), [line("a\rb\r")]);
});

Deno.test("LineReader: NUL and bytes that are not UTF-8 spoil their own line only", () => {
  const tokens = readAll([Uint8Array.of(65, 0, 66, 10), Uint8Array.of(0xff, 0xfe, 10), "ok\n"]);
  assert.deepEqual(tokens, [
    { type: "bad-line", reason: "nul" },
    { type: "bad-line", reason: "encoding" },
    line("ok"),
  ]);
});

Deno.test("LineReader: the limit counts without the line end", () => {
  assert.deepEqual(readAll(["12345678\n"], 8), [line("12345678")]);
  assert.deepEqual(readAll(["12345678\r\n"], 8), [line("12345678")]);
  assert.deepEqual(readAll(["123456789\nok\n"], 8), [{ type: "bad-line", reason: "too-long" }, line("ok")]);
});

Deno.test("LineReader: an endless line is reported once, early, and not kept", () => {
  const reader = new LineReader(8);
  reader.push(encoder.encode("x".repeat(10)));
  assert.deepEqual(reader.readLine(), { type: "bad-line", reason: "too-long" });
  for (let round = 0; round < 100; round++) {
    reader.push(encoder.encode("y".repeat(1000)));
    assert.equal(reader.readLine(), null);
    assert.equal(reader.buffered, 0);
  }
  reader.push(encoder.encode("z\nHELP\n"));
  assert.deepEqual(reader.readLine(), line("HELP"));
});

Deno.test("LineReader: counted bytes come between lines, as they are", () => {
  const reader = new LineReader();
  reader.push(Uint8Array.of(65, 10, 0, 10, 255, 66, 10));
  assert.deepEqual(reader.readLine(), line("A"));
  assert.deepEqual([...reader.readBytes(3) ?? []], [0, 10, 255]);
  assert.deepEqual(reader.readLine(), line("B"));
  assert.equal(reader.readBytes(5), null);
});

Deno.test("LineReader: it copies what is pushed", () => {
  const reader = new LineReader();
  const buffer = encoder.encode("AB");
  reader.push(buffer);
  buffer.fill(0x58);
  reader.push(encoder.encode("\n"));
  assert.deepEqual(reader.readLine(), line("AB"));
});

Deno.test("LineReader: bytes that were handed out stay as they are until the next call, however many follow", () => {
  const reader = new LineReader();
  for (const size of [10, 600, 40_000]) {
    reader.push(encoder.encode("A\n"));
    reader.push(new Uint8Array(size).fill(7));
    assert.deepEqual(reader.readLine(), line("A"));
    const [first, rest] = [reader.readBytes(9)!, reader.readBytes(size)!];
    assert.ok([...first, ...rest].every((byte) => byte === 7));
    assert.equal(first.length + rest.length, size);
    assert.equal(reader.buffered, 0);
  }
  reader.push(encoder.encode("B\n"));
  assert.deepEqual(reader.readLine(), line("B"));
});

Deno.test("LineReader: however a stream is cut, the lines are the same", () => {
  const stream = fc.array(fc.constantFrom(10, 13, 0, 65, 0xc3, 0xa4, 0xff), { maxLength: 200 });
  fc.assert(fc.property(stream, fc.array(fc.nat(20), { maxLength: 50 }), (bytes, cuts) => {
    const whole = Uint8Array.from(bytes);
    const pieces: Uint8Array[] = [];
    let at = 0;
    for (const cut of cuts) {
      pieces.push(whole.slice(at, at + cut));
      at += cut;
    }
    pieces.push(whole.slice(at));
    assert.deepEqual(readAll(pieces, 16), readAll([whole], 16));
  }));
});
