import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, type Frame, FrameReader } from "./frame.ts";
import { MAX_BODY_BYTES } from "./limits.ts";

const message = fc.record({
  header: fc.dictionary(fc.string(), fc.string()),
  body: fc.uint8Array({ maxLength: 300 }),
});

Deno.test("frame: messages come out as they went in, however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 40 })),
      (messages, cuts) => {
        const all = new Uint8Array(messages.flatMap(({ header, body }) => [...encodeFrame(header, body)]));
        const reader = new FrameReader();
        const frames: Frame[] = [];
        let at = 0;
        for (const cut of [...cuts, Infinity]) {
          const end = Math.min(all.length, at + cut);
          if (end > at) frames.push(...reader.push(all.slice(at, end)));
          at = end;
        }
        assert.equal(reader.held, 0);
        assert.deepEqual(
          frames.map(({ header, body }) => [Object.entries(header), [...body]]),
          messages.map(({ header, body }) => [Object.entries(header), [...body]]),
        );
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("frame: rubbish is refused at its first 12 bytes", () => {
  const reader = new FrameReader();
  assert.deepEqual(reader.push(new TextEncoder().encode("hello worl")), []);
  assert.throws(() => reader.push(new TextEncoder().encode("d!")), /wrong magic/);
});

Deno.test("frame: lengths beyond the limits are refused before anything is kept", () => {
  const frame = encodeFrame({ a: 1 });
  new DataView(frame.buffer).setUint32(8, MAX_BODY_BYTES + 1);
  assert.throws(() => new FrameReader().push(frame), /beyond the limits/);
});

Deno.test("frame: a header that is no JSON object is refused", () => {
  const frame = encodeFrame({ a: 1 });
  frame.set(new TextEncoder().encode('["a",1]'), 12);
  assert.throws(() => new FrameReader().push(frame), /no object/);
});
