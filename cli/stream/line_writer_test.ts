import assert from "node:assert/strict";
import { LineWriter } from "./line_writer.ts";

/** A stream whose reader takes what it is allowed to. */
class Reader {
  text = "";
  /** Bytes that it takes still. */
  #room = Promise.withResolvers<number>();

  async write(bytes: Uint8Array): Promise<number> {
    const taken = Math.min(bytes.length, await this.#room.promise);
    this.text += new TextDecoder().decode(bytes.subarray(0, taken));
    return taken;
  }

  /** From now on it takes so many bytes at a time. */
  read(atATime: number): void {
    this.#room.resolve(atATime);
  }
}

function failing(): never {
  throw new Error("nothing was to fail");
}

Deno.test("lines come in their order, whatever each write takes, and the last one whole", async () => {
  const reader = new Reader();
  const writer = new LineWriter(reader, failing);
  reader.read(7);
  for (let n = 0; n < 100; n++) assert.ok(writer.offer(`line ${n}\n`));
  await writer.finish(["last", "", " line\n"]);
  const lines = Array.from({ length: 100 }, (_, n) => `line ${n}\n`);
  assert.equal(reader.text, lines.join("") + "last line\n");
});

Deno.test("what a reader does not take is refused from a limit on, and nothing that was taken is lost", async () => {
  const reader = new Reader();
  const writer = new LineWriter(reader, failing);
  const line = "x".repeat(999) + "\n";
  let taken = 0;
  while (writer.offer(line)) taken++;
  assert.ok(taken > 1000 && taken <= 1049, `${taken} kB`);
  assert.ok(!writer.offer(line));
  reader.read(100_000);
  await writer.finish(["last\n"]);
  assert.equal(reader.text, line.repeat(taken) + "last\n");
  assert.ok(writer.offer(line), "there is room again");
});

Deno.test("a reader that takes nothing at the end is given up, one that is slow is not", async () => {
  const stalled: unknown[] = [];
  const writer = new LineWriter({ write: () => new Promise(() => {}) }, (error) => stalled.push(error));
  await assert.rejects(writer.finish(["last\n"], 20), /nobody has read it for 0\.02 s/);
  assert.equal(stalled.length, 1);

  let text = "";
  const slow = new LineWriter({
    async write(bytes) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      text += new TextDecoder().decode(bytes.subarray(0, 1));
      return 1;
    },
  }, failing);
  await slow.finish(["twenty characters..\n"], 150);
  assert.equal(text, "twenty characters..\n");
});

for (const at of ["once", "later"]) {
  Deno.test(`a stream that fails ${at} is told once, and takes no more lines`, async () => {
    const failures: unknown[] = [];
    let writes = 0;
    const broken = () => {
      writes++;
      if (at === "once") throw new Deno.errors.BrokenPipe("gone");
      return Promise.reject(new Deno.errors.BrokenPipe("gone"));
    };
    const writer = new LineWriter({ write: broken }, (error) => failures.push(error));
    assert.ok(writer.offer("one\n"));
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (let n = 0; n < 10_000; n++) assert.ok(writer.offer("x".repeat(1000)));
    await assert.rejects(writer.finish(["last\n"]), Deno.errors.BrokenPipe);
    assert.deepEqual([failures.length, writes], [1, 1]);
  });
}
