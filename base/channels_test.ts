import assert from "node:assert/strict";
import { type ByteStream, type Channel, Channels } from "./channels.ts";

/** Two ends of a connection on loopback. */
async function connected(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const made = Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  return [await listener.accept(), await made];
}

/** Channels at both ends; what one end opens comes to the other. */
async function pair(): Promise<{ ours: Channels; theirs: Channels; opened: Channel[] }> {
  const [a, b] = await connected();
  const opened: Channel[] = [];
  return { ours: new Channels(a), theirs: new Channels(b, (channel) => opened.push(channel)), opened };
}

async function readAll(channel: ByteStream): Promise<Uint8Array> {
  const parts: number[] = [];
  const buffer = new Uint8Array(1000);
  for (let count = await channel.read(buffer); count !== null; count = await channel.read(buffer)) {
    parts.push(...buffer.subarray(0, count));
  }
  return Uint8Array.from(parts);
}

async function soon(done: () => boolean): Promise<void> {
  for (let n = 0; n < 500 && !done(); n++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(done());
}

Deno.test("several conversations go over one connection, each with an end of its own", async () => {
  const { ours, theirs, opened } = await pair();
  const [first, second] = [await ours.open(), await ours.open()];
  await soon(() => opened.length === 2);
  const large = crypto.getRandomValues(new Uint8Array(60_000));
  const sent = (async () => {
    for (let n = 0; n < 5; n++) await opened[0]!.write(large);
    await opened[0]!.closeWrite();
  })();
  await second.write(new TextEncoder().encode("meanwhile"));
  const buffer = new Uint8Array(100);
  assert.equal(new TextDecoder().decode(buffer.subarray(0, (await opened[1]!.read(buffer))!)), "meanwhile");
  const got = await readAll(first);
  await sent;
  assert.equal(got.length, 5 * large.length);
  for (let n = 0; n < 5; n++) assert.deepEqual(got.subarray(n * large.length, (n + 1) * large.length), large);
  second.close();
  assert.equal(await opened[1]!.read(buffer), null);
  await assert.rejects(opened[1]!.write(new Uint8Array(1)), Deno.errors.BrokenPipe);
  ours.close();
  assert.equal(await theirs.over, null);
});

Deno.test("a channel that nobody reads holds little, and the sender waits", async () => {
  const { ours, theirs, opened } = await pair();
  const unread = await ours.open();
  await soon(() => opened.length === 1);
  let written = 0;
  const writing = (async () => {
    try {
      for (;; written++) await opened[0]!.write(new Uint8Array(64 * 1024 - 1));
    } catch {
      // The connection ends below.
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = written;
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(written, before); // The kernel's buffers are full.
  const buffer = new Uint8Array(1024 * 1024);
  for (let got = 0; got < 8 * 1024 * 1024;) got += (await unread.read(buffer))!;
  assert.ok(written > before);
  ours.close();
  theirs.close();
  await writing;
});

Deno.test("the end of the connection ends all channels, and what had come can be read", async () => {
  const { ours, theirs, opened } = await pair();
  const channel = await ours.open();
  await soon(() => opened.length === 1);
  await opened[0]!.write(new Uint8Array([1, 2, 3]));
  theirs.close();
  assert.equal(await ours.over, null);
  assert.deepEqual(await readAll(channel), new Uint8Array([1, 2, 3]));
  await assert.rejects(channel.write(new Uint8Array(1)));
  await assert.rejects(ours.open(), /closed/);
});

Deno.test("what are no frames ends the connection", async () => {
  for (
    const bytes of [
      [0, 9, 0, 0], // no kind of frame
      [0, 0, 0, 1, 0], // an opening with content
      [0, 0, 0, 0], // an opening where none may be
      [0, 1, 0], // half a frame
      [...new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
    ]
  ) {
    const [a, b] = await connected();
    const channels = new Channels(a);
    await b.write(Uint8Array.from(bytes));
    b.close();
    assert.match((await channels.over)?.message ?? "", /frame|opened where none may be/, String(bytes));
  }
});

Deno.test("a peer that opens channels without end is closed", async () => {
  const [a, b] = await connected();
  let opened = 0;
  const channels = new Channels(a, () => opened++);
  for (let id = 0; id < 200; id++) await b.write(Uint8Array.from([id, 0, 0, 0])).catch(() => {});
  assert.match((await channels.over)?.message ?? "", /opened where none may be/);
  assert.ok(opened <= 16);
  b.close();
});

Deno.test("property: frames cut anywhere are the same conversation", async () => {
  for (let round = 0; round < 20; round++) {
    const text = crypto.getRandomValues(new Uint8Array(1 + Math.floor(Math.random() * 3000)));
    const frames = [7, 0, 0, 0, 7, 1, text.length >> 8, text.length & 255, ...text, 7, 2, 0, 0];
    const [a, b] = await connected();
    b.setNoDelay(true);
    const opened: Channel[] = [];
    const channels = new Channels(a, (channel) => opened.push(channel));
    for (let at = 0; at < frames.length;) {
      const next = at + 1 + Math.floor(Math.random() * 900);
      await b.write(Uint8Array.from(frames.slice(at, next)));
      at = next;
    }
    await soon(() => opened.length === 1);
    assert.deepEqual(await readAll(opened[0]!), text);
    channels.close();
    b.close();
  }
});

Deno.test("property: a large frame is read into the buffer of whoever waits, whatever its size", async () => {
  for (const size of [1, 100, 511, 513, 4_000, 100_000]) {
    const { ours, theirs, opened } = await pair();
    const channel = await ours.open(), other = await ours.open();
    await soon(() => opened.length === 2);
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    const writing = opened[0]!.write(sent).then(() => opened[1]!.write(new Uint8Array([7])));
    const got: number[] = [];
    for (const buffer = new Uint8Array(size); got.length < sent.length;) {
      got.push(...buffer.subarray(0, (await channel.read(buffer))!));
    }
    assert.deepEqual(Uint8Array.from(got), sent);
    await writing;
    assert.deepEqual(await other.take(), new Uint8Array([7]));
    ours.close();
    theirs.close();
  }
});

Deno.test("a frame that nobody reads any more is passed over", async () => {
  const { ours, theirs, opened } = await pair();
  const first = await ours.open(), second = await ours.open();
  await soon(() => opened.length === 2);
  const writing = opened[0]!.write(new Uint8Array(60_000)).then(() => opened[1]!.write(new Uint8Array([7])));
  const waiting = first.read(new Uint8Array(1_000));
  assert.ok((await waiting)! > 0);
  first.close();
  assert.deepEqual(await second.take(), new Uint8Array([7]));
  await writing;
  ours.close();
  theirs.close();
});
