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
  engine: { goodput: string; streams: { bytes_sent?: number }[] };
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

Deno.test("stream and iperf -s count the same (iperf)", { ignore: !hasIperf }, async (t) => {
  await t.step("TCP, two streams", async () => {
    await using server = await BulkServer.start((
      port,
    ) => ["iperf", "-s", "-p", `${port}`, "-f", "B", "-y", "C"]);
    const { result, of } = await run(server.port, "duration=1s,warmup=0s,bps=100M,streams=2");
    assert.equal(result.engine.goodput, "acknowledged");
    assert.ok(Math.abs(of("goodput") / 100e6 - 1) < 0.1, `${of("goodput")}`);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    server.child.kill("SIGTERM");
    // Lines of CSV; the bytes of one connection stand in the eighth column. Of the 24 bytes of settings it counts 20 or all.
    const bytes = (await server.ended()).trim().split("\n").map((line) => Number(line.split(",")[7]));
    const all = bytes.filter((n) => n > 0).reduce((a, b) => a + b, 0);
    assert.equal(bytes.length, 2, `${bytes}`);
    assert.ok(all >= sent(result) && all <= sent(result) + 2 * 24, `${bytes} of ${sent(result)}`);
  });
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
  assert.match(await fails("direction=down"), /argument direction: down does not go with peer=iperf2/);
  assert.match(await fails("udp=1,size=39"), /argument size: iperf2's datagrams have at least 40 bytes/);
});
