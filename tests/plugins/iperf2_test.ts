/** The test stream with peer=iperf2 against Debian's iperf, and against a server as small systems have them. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { BulkServer } from "../fixtures/peers/iperf.ts";
import { isInstalled } from "../util/mod.ts";

const hasIperf = isInstalled("iperf");

interface StreamResult {
  metrics: { name: string; value: number }[];
  reasons: { level: string; code: string; text: string }[];
  engine: { goodput: string; streams: { direction: string; bytes_sent?: number; bytes_received?: number }[] };
}

async function run(
  port: number,
  args: string,
): Promise<{ result: StreamResult; of: (name: string) => number }> {
  const { result } = await drivenRow<StreamResult>(
    drive({ plugin: "stream", target: "127.0.0.1", port, args: `peer=iperf2,${args}` }),
  );
  const of = (name: string) =>
    result.metrics.find((metric) => metric.name === name)?.value ??
      assert.fail(`no ${name}: ${JSON.stringify(result.reasons)}`);
  return { result, of };
}

const sent = (result: StreamResult) => result.engine.streams.reduce((all, s) => all + (s.bytes_sent ?? 0), 0);

/**
 * A server of iperf 2.1.8 that is to connect back with several connections sometimes makes one only, or never sends on
 * them: its threads wait for one another for ever, which a crowded machine makes likely. The verdict has to say so.
 *
 * @returns false where that happened
 */
async function connectsBack(direction: "down" | "both"): Promise<boolean> {
  await using server = await BulkServer.start((
    port,
  ) => ["iperf", "-s", "-p", `${port}`, "-f", "B", "-y", "C"]);
  const { result, of } = await run(server.port, `direction=${direction},duration=1s,warmup=0.2s,streams=2`);
  const { streams, goodput } = result.engine;
  const down = streams.filter((stream) => stream.direction === "down");
  assert.equal(goodput, direction === "down" ? "receiver" : "acknowledged");
  assert.equal(streams.length, direction === "down" ? 2 : 4);
  assert.equal(down.length, 2);
  const stuck =
    /made [01] of 2 connections|not a byte arrived|1 of 2 streams from the target carried nothing/;
  if (down.some(({ bytes_received }) => !bytes_received)) {
    assert.match(result.reasons.map(({ text }) => text).join(), stuck);
    return false;
  }
  assert.ok(of("goodput_down") > 1e6, JSON.stringify(result));
  await new Promise((resolve) => setTimeout(resolve, 700));
  server.child.kill("SIGTERM");
  // Lines of CSV: addresses stand in the fourth to seventh column, bytes in the eighth.
  const lines = (await server.ended()).trim().split("\n").map((line) => line.split(","));
  const carried = lines.map((line) => Number(line[7])).filter((bytes) => bytes > 0);
  // A stream that it sends it may count by a buffer (128 KiB) more than it could send.
  for (const { bytes_received: bytes = 0 } of down) {
    assert.ok(carried.some((n) => n >= bytes && n - bytes <= 2 * 131_072), `${carried}, ours ${bytes}`);
  }
  return true;
}

Deno.test("stream and iperf -s count the same (iperf)", { ignore: !hasIperf }, async (t) => {
  await t.step("TCP, two streams", async () => {
    await using server = await BulkServer.start((
      port,
    ) => ["iperf", "-s", "-p", `${port}`, "-f", "B", "-y", "C"]);
    const { result, of } = await run(server.port, "duration=1s,warmup=0s,bps=100M,streams=2");
    assert.equal(result.engine.goodput, "acknowledged");
    // How exact the pace is, is shown elsewhere, while nothing else runs.
    assert.ok(of("goodput") > 20e6 && of("goodput") < 110e6, `${of("goodput")}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    server.child.kill("SIGTERM");
    // Lines of CSV; the bytes of one connection stand in the eighth column. Of the 24 bytes of settings it counts 20 or all.
    const bytes = (await server.ended()).trim().split("\n").map((line) => Number(line.split(",")[7]));
    const all = bytes.filter((n) => n > 0).reduce((a, b) => a + b, 0);
    assert.equal(bytes.length, 2, `${bytes}`);
    assert.ok(all >= sent(result) && all <= sent(result) + 2 * 24, `${bytes} of ${sent(result)}`);
  });
  for (const direction of ["down", "both"] as const) {
    await t.step(`TCP, ${direction}: the server connects to us`, async () => {
      for (let attempt = 1; !await connectsBack(direction); attempt++) assert.ok(attempt < 5, "never sent");
    });
  }
  await t.step("UDP", async () => {
    await using server = await BulkServer.start((port) => ["iperf", "-s", "-u", "-p", `${port}`], true);
    const { result, of } = await run(server.port, "udp=1,size=1000,duration=1s,warmup=0s,bps=5M");
    assert.equal(result.engine.goodput, "peer");
    assert.equal(of("peer_datagrams"), sent(result) / 1000);
    assert.equal(of("peer_received_bytes"), sent(result) - 1000 * of("peer_lost"));
    assert.ok(Math.abs(of("peer_seconds") - 1) < 0.2, `${of("peer_seconds")}`);
    assert.ok(of("peer_jitter") < 50, `${of("peer_jitter")}`);
  });
});

/** A UDP server that counts, and at the last datagram answers as told, or not. */
async function small(
  report: ((count: number, bytes: number) => Uint8Array) | null,
  during: (port: number) => Promise<void>,
): Promise<void> {
  const socket = createSocket("udp4");
  let count = 0, bytes = 0;
  socket.on("message", (data, from) => {
    if (data.readInt32BE(0) >= 0) {
      count++;
      bytes += data.length;
    } else if (report !== null) {
      socket.send(report(count, bytes), from.port, from.address);
    }
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  try {
    await during(socket.address().port);
  } finally {
    await new Promise<void>((resolve) => socket.close(resolve));
  }
}

Deno.test("a report behind 12 bytes, as zperf has it, is read", async () => {
  const report = (count: number, bytes: number) => {
    const words = [0, 0, 0, 0x80000000, 0, bytes, 1, 500_000, 3, 0, count + 3, 0, 250];
    const view = new DataView(new ArrayBuffer(4 * words.length));
    words.forEach((word, i) => view.setUint32(4 * i, word));
    return new Uint8Array(view.buffer);
  };
  await small(report, async (port) => {
    const { result, of } = await run(port, "udp=1,size=500,duration=0.5s,warmup=0s,bps=1M");
    assert.equal(of("peer_received_bytes"), sent(result));
    assert.equal(of("peer_lost"), 3);
    assert.equal(of("peer_seconds"), 1.5);
    assert.equal(of("peer_jitter"), 0.25);
  });
});

Deno.test("a server that receives only is told apart from one that sends, and strangers are sent away", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const settings: Uint8Array[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      const bytes = new Uint8Array(64);
      const count = await connection.read(bytes);
      if (count !== null) settings.push(bytes.slice(0, count));
      const port = new DataView(bytes.buffer).getUint32(8);
      // Not from the server's address.
      if (count !== null) {
        new Deno.Command("python3", {
          args: [
            "-c",
            `import socket; s = socket.socket(); s.bind(("127.0.0.77", 0)); s.connect(("127.0.0.1", ${port})); s.recv(1)`,
          ],
        }).spawn();
      }
      connection.close();
    }
  })();
  const { result } = await drivenRow<StreamResult>(
    drive({
      plugin: "stream",
      target: "127.0.0.1",
      port: listener.addr.port,
      args: "peer=iperf2,direction=down,duration=0.5s,warmup=0s",
    }),
  );
  assert.match(
    result.reasons.map(({ text }) => text).join(),
    /made 0 of 1 connections to port \d+ of this tester within 5 s: .*use direction=up.*firewall/,
  );
  assert.equal(settings.length, 1, "beside the connection that finds the server");
  assert.equal(settings[0]!.length, 24);
  listener.close();
  await serving.catch(() => {});
});

/** A server that receives what comes, connects back twice, and sends on so many of those connections. */
async function sendingOn(active: number, during: (port: number) => Promise<void>): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const over = new AbortController();
  const back: Deno.Conn[] = [];
  const send = async (connection: Deno.Conn) => {
    const block = new Uint8Array(65_536);
    while (!over.signal.aborted) await connection.write(block);
  };
  const receive = async (connection: Deno.Conn) => {
    const bytes = new Uint8Array(65_536);
    for (let first = true;; first = false) {
      const count = await connection.read(bytes);
      if (count === null) return connection.close();
      const port = first && count >= 24 ? new DataView(bytes.buffer).getUint32(8) : 0;
      while (port > 0 && back.length < 2) {
        back.push(await Deno.connect({ hostname: "127.0.0.1", port }));
        if (back.length <= active) send(back.at(-1)!).catch(() => {});
      }
    }
  };
  const serving = (async () => {
    for await (const connection of listener) receive(connection).catch(() => {});
  })();
  try {
    await during(listener.addr.port);
  } finally {
    over.abort();
    for (const connection of back) connection.close();
    listener.close();
    await serving.catch(() => {});
  }
}

Deno.test("a direction and a stream that carry nothing are reasons", async () => {
  const reasons = async (port: number, direction: string) => {
    const args = `direction=${direction},duration=1s,warmup=0.2s,streams=2`;
    return (await run(port, args)).result.reasons.filter(({ code }) => /arrived|silent/.test(code));
  };
  await sendingOn(0, async (port) => {
    assert.deepEqual(await reasons(port, "both"), [{
      level: "INVALID",
      code: "nothing-arrived",
      text: "not a byte arrived in the measured phase of the streams from the target",
    }]);
  });
  await sendingOn(1, async (port) => {
    assert.deepEqual(await reasons(port, "down"), [{
      level: "SUSPECT",
      code: "stream-silent",
      text: "1 of 2 streams from the target carried nothing in the measured phase",
    }]);
  });
  await sendingOn(2, async (port) => assert.deepEqual(await reasons(port, "both"), []));
});

/** Zephyr's zperf receives from one client, as its source says: the older one, and the newer one. */
class Zperf {
  #running = false;
  #counter = 0;
  #bytes = 0;
  #lost = 0;
  #next = 0;
  #told: Uint8Array | null = null;

  constructor(readonly isNew: boolean) {}

  /** @returns what is sent back */
  take(data: Uint8Array): Uint8Array | null {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const id = view.getInt32(0), isLast = id < 0;
    if (!this.#running) {
      if (isLast) return this.#told;
      this.#running = true;
      // The older one takes the first datagram for the beginning, and does not count it.
      if (!this.isNew) return null;
    }
    if (!isLast || this.isNew) this.#count(Math.abs(id), data.length);
    if (!isLast) return null;
    this.#running = false;
    const words = [0x80000000, 0, this.#bytes, 0, 1_000_000, this.#lost, 0];
    const report = new DataView(new ArrayBuffer(52));
    new Uint8Array(report.buffer).set(data.subarray(0, 12));
    [...words, this.isNew ? -id : this.#counter, 0, 40].forEach((word, i) =>
      report.setUint32(12 + 4 * i, word)
    );
    return this.#told = new Uint8Array(report.buffer);
  }

  #count(id: number, bytes: number): void {
    this.#counter++;
    this.#bytes += bytes;
    this.#lost += Math.max(0, id - this.#next);
    this.#next = Math.max(this.#next, id + 1);
  }
}

Deno.test("what zperf counts becomes what arrived, of both its generations", async () => {
  for (const isNew of [false, true]) {
    const zperf = new Zperf(isNew);
    const socket = createSocket("udp4");
    let arrived = 0, dropped = 0, first = true;
    socket.on("message", (data, from) => {
      const id = data.readInt32BE(0);
      if (id % 10 === 5) return void dropped++;
      arrived += id < 0 ? 0 : data.length;
      if (first && !isNew) arrived -= data.length;
      first = false;
      const answer = zperf.take(data);
      if (answer !== null) socket.send(answer, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    try {
      const { result, of } = await run(
        socket.address().port,
        "udp=1,size=500,duration=0.5s,warmup=0s,bps=400k",
      );
      const all = sent(result) / 500;
      assert.equal(of("peer_received_bytes"), arrived);
      // The older one loses its first: it cannot be told from one that was lost.
      assert.equal(of("peer_lost"), dropped + (isNew ? 0 : 1));
      assert.equal(of("peer_datagrams"), all);
      assert.ok(Math.abs(of("peer_loss") - 100 * of("peer_lost") / all) < 1e-9);
    } finally {
      await new Promise<void>((resolve) => socket.close(resolve));
    }
  }
});

Deno.test("a server without a report, and none at all, are sentences", async () => {
  await small(null, async (port) => {
    const { result } = await run(port, "udp=1,size=500,duration=0.5s,warmup=0s,bps=1M");
    assert.match(
      JSON.stringify(result.reasons),
      /sent no report of what it received within 2\.5 s, .*: use proto=tcp with it/,
    );
  });
  const fails = async (args: string): Promise<string> => {
    const { stdout, stderr } = await drive({
      plugin: "stream",
      target: "127.0.0.1",
      port: 1,
      args: `peer=iperf2,${args}`,
    })
      .output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  };
  assert.match(await fails("duration=1s"), /Connection refused/);
  assert.match(await fails("udp=1,duration=0.5s,warmup=0s,bps=1M"), /nobody listens|Connection refused/);
  assert.match(await fails("direction=down"), /Connection refused/);
  assert.match(
    await fails("direction=both,udp=1"),
    /argument direction: both does not go with peer=iperf2 and udp, .*; use proto=tcp, or peer=iperf3/,
  );
  assert.match(
    await fails("direction=down,bps=1M"),
    /argument bps: an iperf2 server sends as fast as it goes/,
  );
  assert.match(await fails("udp=1,size=39"), /argument size: iperf2's datagrams have at least 40 bytes/);
});
