import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "./error.ts";
import { ReplyReader, type ReplyToken } from "./reply_reader.ts";
import { formatResultHeader } from "./result.ts";

const encoder = new TextEncoder();

/** All tokens of a stream in pieces; data joined into one. */
function readAll(pieces: readonly Uint8Array[]): ReplyToken[] {
  const reader = new ReplyReader();
  const tokens: ReplyToken[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let token = reader.next(); token !== null; token = reader.next()) {
      const last = tokens.at(-1);
      if (token.type === "data" && last?.type === "data") {
        tokens[tokens.length - 1] = { type: "data", chunk: Uint8Array.from([...last.chunk, ...token.chunk]) };
      } else tokens.push(token.type === "data" ? { type: "data", chunk: token.chunk.slice() } : token);
    }
  }
  reader.end();
  return tokens;
}

const STREAM = "100 IPBENCH V1.0\nTesting Daemon mode\nNot running a test\n200 OK\n" +
  "220 VALID DATA (Data to follow)\nContent-length: 7\n1\n200 O221 INVALID DATA (Data to follow)\nContent-length: 0\n";

Deno.test("ReplyReader: text, replies and results, in one piece and byte by byte", () => {
  const bytes = encoder.encode(STREAM);
  const whole = readAll([bytes]);
  assert.deepEqual(whole.map((token) => token.type), [
    "reply",
    "text",
    "text",
    "reply",
    "result",
    "data",
    "result-end",
    "result",
    "result-end",
  ]);
  const data = whole[5] as ReplyToken & { type: "data" };
  assert.equal(new TextDecoder().decode(data.chunk), "1\n200 O");
  assert.deepEqual(readAll(Array.from(bytes, (byte) => Uint8Array.of(byte))), whole);
});

Deno.test("ReplyReader: the recorded result of a target, its NUL counted", () => {
  const recorded = "220 VALID DATA (Data to follow)\nContent-length: 24\n9.1,CPU0: 9.1,CPU1: 0.0\0";
  const tokens = readAll([encoder.encode(recorded)]);
  assert.deepEqual(tokens[0], {
    type: "result",
    valid: true,
    length: 24,
    stamps: null,
    reply: { code: 220, text: "VALID DATA", message: "Data to follow" },
  });
  assert.equal((tokens[1] as ReplyToken & { type: "data" }).chunk.at(-1), 0);
});

Deno.test("ReplyReader: stamps of an agreed start", () => {
  const header = formatResultHeader(false, 3, { plannedNs: 5n, actualNs: 7n, endedNs: 2n ** 62n });
  const [token] = readAll([encoder.encode(header + "abc")]);
  assert.ok(token?.type === "result" && !token.valid);
  assert.deepEqual(token.stamps, { plannedNs: 5n, actualNs: 7n, endedNs: 2n ** 62n });
});

Deno.test("ReplyReader: stamps with what links did meanwhile", () => {
  const links = [
    { iface: "eth-1.7", up: false, atNs: 6n },
    { iface: "br?0", up: true, atNs: 8n },
  ];
  const stamps = { plannedNs: 5n, actualNs: 5n, endedNs: 9n, links };
  const header = formatResultHeader(true, 3, stamps);
  assert.match(
    header,
    /^220 VALID DATA \(Data to follow, links=eth-1\.7-6,br\?0\+8 planned=5 actual=5 ended=9\)\n/,
  );
  const [token] = readAll([encoder.encode(header + "abc")]);
  assert.deepEqual(token?.type === "result" && token.stamps, stamps);
  // As many as C has room for, and all of their names are read.
  const many = Array.from({ length: 20 }, (_, n) => ({
    iface: `enp130s0f0np${100 + n}`,
    up: n % 2 === 1,
    atNs: 10n ** 15n,
  }));
  const [long] = readAll([encoder.encode(formatResultHeader(true, 3, { ...stamps, links: many }) + "abc")]);
  assert.deepEqual(long?.type === "result" && long.stamps?.links, many);
  for (const wrong of ["eth1", "eth1-", "-5", "eth1-5,,eth1+6", `eth1-${2n ** 63n}`, "a".repeat(16) + "-5"]) {
    const line =
      `220 VALID DATA (Data to follow, links=${wrong} planned=5 actual=5 ended=9)\nContent-length: 3\n`;
    assert.throws(() => readAll([encoder.encode(line)]), ProtocolError, wrong);
  }
});

Deno.test("ReplyReader: what breaks the protocol", () => {
  const broken = (text: string): void => {
    assert.throws(() => readAll([encoder.encode(text)]), ProtocolError, text);
  };
  broken("220 VALID DATA (Data to follow)\n200 OK\n");
  broken("220 VALID DATA (Data to follow)\nContent-length: -1\n");
  broken("220 VALID DATA (Data to follow)\nContent-length: 99999999999\n");
  broken("220 VALID DATA (Data to follow)\nContent-length: 1e9\n");
  broken("x".repeat(9000) + "\n");
});

Deno.test("ReplyReader: an end in the middle is told as one", () => {
  for (const text of ["200 O", "220 VALID DATA\n", "220 VALID DATA\nContent-length: 5\nabc"]) {
    assert.throws(() => readAll([encoder.encode(text)]), { name: "ProtocolError", code: "eof" }, text);
  }
});

Deno.test("ReplyReader: any bytes give tokens or a ProtocolError", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom("220 VALID DATA\n", "Content-length: 4\n", "200 OK\n", "150 PROGRESS (idle)\n").map((
      text,
    ) => encoder.encode(text)),
  );
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    try {
      readAll(pieces);
    } catch (error) {
      assert.ok(error instanceof ProtocolError);
    }
  }));
});
