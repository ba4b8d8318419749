import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "./error.ts";
import { MAX_MESSAGE_LENGTH } from "./limits.ts";
import { cleanMessage, formatReply, isReply, parseReply } from "./reply.ts";

Deno.test("formatReply: the original's bytes", () => {
  assert.equal(formatReply(100), "100 IPBENCH V1.0\n");
  assert.equal(formatReply(200), "200 OK\n");
  assert.equal(formatReply(200, "Ready to go"), "200 OK (Ready to go)\n");
  assert.equal(formatReply(222, "Come back soon!"), "222 CLOSING CONTROL CONNECTION (Come back soon!)\n");
  assert.equal(formatReply(421, "Already Running"), "421 SERVICE NOT AVAILABLE (Already Running)\n");
  assert.equal(
    formatReply(451, "Can not find plugin: nosuch"),
    "451 LOCAL PROCESSING ERROR (Can not find plugin: nosuch)\n",
  );
  assert.equal(formatReply(500), "500 SYNTAX ERROR\n");
});

Deno.test("parseReply: takes apart what peers send", () => {
  assert.deepEqual(parseReply("200 OK (Ready to go)"), { code: 200, text: "OK", message: "Ready to go" });
  assert.deepEqual(parseReply("100 IPBENCH_V1.0"), { code: 100, text: "IPBENCH_V1.0", message: null });
  assert.deepEqual(parseReply("500"), { code: 500, text: "", message: null });
  assert.deepEqual(parseReply("451 X (a (b) c)"), { code: 451, text: "X", message: "a (b) c" });
  assert.deepEqual(parseReply("451 X (half"), { code: 451, text: "X (half", message: null });
});

Deno.test("parseReply: refuses what is no reply, and quotes it", () => {
  for (const line of ["", "OK", "20 OK", "2000 OK", "900 OK", "HELP OPTIONS", " 200 OK"]) {
    assert.equal(isReply(line), false, line);
    assert.throws(() => parseReply(line), { name: "ProtocolError", code: "syntax" });
  }
  assert.throws(() => parseReply("\u001b[2Jrubbish"), (error: Error) => !error.message.includes("\u001b"));
});

Deno.test("cleanMessage: one line, no parentheses, bounded", () => {
  assert.equal(cleanMessage("range (1..5)\nnext\tline\u0000"), "range [1..5] next line");
  assert.equal(cleanMessage("x".repeat(5000)).length, MAX_MESSAGE_LENGTH);
});

Deno.test("a reply comes back as it was sent, whatever the message", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (message) => {
    const line = formatReply(451, message);
    assert.equal(line.split("\n").length, 2);
    assert.ok(line.length <= MAX_MESSAGE_LENGTH + 40);
    const reply = parseReply(line.slice(0, -1));
    assert.equal(reply.code, 451);
    assert.equal(reply.message ?? "", cleanMessage(message));
  }));
});

Deno.test("parseReply: any line is a reply or a ProtocolError", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (line) => {
    try {
      parseReply(line);
    } catch (error) {
      assert.ok(error instanceof ProtocolError);
    }
  }));
});
