import assert from "node:assert/strict";
import type { LogRecord } from "@logtape/logtape";
import { PluginError } from "../ffi/mod.ts";
import { createClock } from "./clock.ts";
import { Connection, type RawConnection, WriteDeadlineError } from "./link/connection.ts";
import { LOG_QUEUE_RECORDS } from "./limits.ts";
import { createLogQueue, formatRecord } from "./log.ts";
import { describeFailure } from "./failure.ts";
import { Turns } from "../base/turns.ts";

Deno.test("clock: shifted both ways, nonsense refused", () => {
  const clock = createClock("-3000000000", () => 10_000_000_000n);
  assert.equal(clock.now(), 7_000_000_000n);
  assert.equal(clock.toKernel(7_000_000_000n), 10_000_000_000n);
  assert.equal(clock.fromKernel(clock.toKernel(5n)), 5n);
  assert.equal(createClock(undefined, () => 5n).now(), 5n);
  assert.throws(() => createClock("3s", () => 0n), /IPBENCH_TEST_CLOCK_SHIFT_NS.*3s/);
});

Deno.test("describeFailure: the original's words, then the plugin's", () => {
  const setup = new PluginError("setup", "setup", "argument bps=-3 is out of range 1..400000000000");
  assert.equal(
    describeFailure("Client setup failed", "latency", setup),
    "Client setup failed: latency: argument bps=-3 is out of range 1..400000000000",
  );
  const missing = new PluginError("not-found", "load", "looked in a, b");
  assert.equal(
    describeFailure("Can not load plugin", "nosuch", missing),
    "Can not find plugin: nosuch; looked in a, b",
  );
  const refused = new PluginError("not-found", "load", "Can not find plugin: n; n.so cannot be opened");
  assert.equal(describeFailure("Can not load plugin", "n", refused), refused.message);
  const crash = new PluginError("crash", "start", "plugin latency crashed with SIGSEGV in start");
  assert.equal(
    describeFailure("Plugin failed to start!", "latency", crash),
    "Plugin failed to start!: latency: crashed with SIGSEGV in start",
  );
  assert.equal(describeFailure("Client setup failed", "a", new Error("")), "Client setup failed: a");
});

const RECORD: LogRecord = {
  category: ["ipbenchd"],
  level: "warning",
  message: ["wrong secret from ", "10.0.0.1:5\n\u001b[2J", ""],
  rawMessage: "wrong secret from {name}",
  timestamp: 0,
  properties: { name: "10.0.0.1:5\n\u001b[2J", count: 5n },
};

Deno.test("log: one line a record, whatever a peer put into it", () => {
  assert.equal(
    formatRecord(RECORD, { format: "text", journal: false }),
    "ipbenchd: warning: wrong secret from 10.0.0.1:5\\x0a\\x1b[2J\n",
  );
  assert.match(
    formatRecord({ ...RECORD, level: "info" }, { format: "text", journal: true }),
    /^<6>ipbenchd: wrong/,
  );
  assert.match(formatRecord({ ...RECORD, level: "error" }, { format: "text", journal: true }), /^<3>/);
  const json = formatRecord(RECORD, { format: "json", journal: false });
  assert.equal(json.split("\n").length, 2);
  const parsed = JSON.parse(json);
  assert.deepEqual([parsed.level, parsed.count, parsed.time], ["warning", "5", "1970-01-01T00:00:00.000Z"]);
});

Deno.test("log: while nobody reads it, so much is kept and the rest counted; the end does not wait for ever", async () => {
  const lines: string[] = [];
  const reader = Promise.withResolvers<void>();
  const write = async (line: string): Promise<void> => {
    await reader.promise;
    lines.push(line);
  };
  const queue = createLogQueue({ format: "text", journal: false, write });
  for (let count = 0; count < 3 * LOG_QUEUE_RECORDS; count++) queue.sink(RECORD);
  assert.equal(await queue.flush(1), false);
  reader.resolve();
  assert.ok(await queue.flush(10_000));
  const dropped = Number(/warning: ([0-9]+) lines of this log were dropped/.exec(lines[1] ?? "")?.[1]);
  assert.ok(lines.length <= LOG_QUEUE_RECORDS + 2, `${lines.length} lines were kept`);
  assert.equal(lines.length - 1 + dropped, 3 * LOG_QUEUE_RECORDS);
});

/** A connection whose peer takes nothing. */
function stuck(): { raw: RawConnection; closed: () => boolean } {
  let closed = false;
  const broken = Promise.withResolvers<number>();
  broken.promise.catch(() => {}); // Not every test writes.
  const address = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;
  const raw: RawConnection = {
    read: () => Promise.resolve(null),
    write: () => broken.promise,
    closeWrite: () => Promise.resolve(),
    close: () => {
      closed = true;
      broken.reject(new Deno.errors.BadResource("closed"));
    },
    localAddr: address,
    remoteAddr: address,
  };
  return { raw, closed: () => closed };
}

Deno.test("Connection: a write that is not taken ends with its deadline, and so does the connection", async () => {
  const { raw, closed } = stuck();
  const connection = new Connection(raw);
  await assert.rejects(connection.write(new Uint8Array(5), 1), WriteDeadlineError);
  assert.ok(closed());
  assert.equal(await connection.read(), null);
  connection.destroy();
});

Deno.test("Connection: a write goes on where the kernel took a part", async () => {
  const taken: number[] = [];
  const { raw } = stuck();
  const connection = new Connection({
    ...raw,
    write: (bytes) => {
      taken.push(bytes.length);
      return Promise.resolve(Math.min(2, bytes.length));
    },
  });
  await connection.write(new Uint8Array(5));
  assert.deepEqual(taken, [5, 3, 1]);
  connection.destroy();
});

Deno.test("Turns: one at a time, in order, a bounded number, and a failure ends one turn only", async () => {
  const turns = new Turns(3);
  const events: string[] = [];
  const gate = Promise.withResolvers<void>();
  const work = (name: string) => async () => {
    events.push(`${name} begins`);
    if (name === "a") await gate.promise;
    events.push(`${name} ends`);
    if (name === "b") throw new Error("b fails");
    return name;
  };
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => turns.run(work(name)));
  await assert.rejects(d as Promise<string>, /too many/);
  const failed = assert.rejects(b as Promise<string>, /b fails/);
  gate.resolve();
  assert.deepEqual([await a, await c], ["a", "c"]);
  await failed;
  assert.deepEqual(events, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  assert.equal(await turns.run(work("e")), "e");
});
