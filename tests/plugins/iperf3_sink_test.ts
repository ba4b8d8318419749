/** `ipbench sink --iperf3` and Debian's iperf3 client: what both ends count, and what strangers are told. */
import assert from "node:assert/strict";
import { BulkServer } from "../fixtures/peers/iperf.ts";
import { deadline, isInstalled, RawClient } from "../util/mod.ts";

const hasIperf3 = isInstalled("iperf3");
const CLIENT_MS = 30_000;

interface Sum {
  bytes: number;
  packets?: number;
  lost_packets?: number;
}
interface ClientResult {
  error?: string;
  end: {
    sum_sent: Sum;
    sum_received: Sum;
    sum?: Sum;
    sum_sent_bidir_reverse?: Sum;
    sum_received_bidir_reverse?: Sum;
  };
}

async function client(server: BulkServer, ...args: string[]): Promise<ClientResult> {
  const child = new Deno.Command("iperf3", {
    args: ["-c", "127.0.0.1", "-p", `${server.port}`, "-J", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  });
  const { stdout } = await deadline("iperf3 ends", CLIENT_MS, child.output());
  return JSON.parse(new TextDecoder().decode(stdout)) as ClientResult;
}

/** The figures of the sink's last line. */
function figures(log: string): Record<string, number> {
  const line = log.trim().split("\n").at(-1) ?? "";
  return Object.fromEntries(
    [...line.matchAll(/(\w+) (\d+)/g)].map(([, name, value]) => [name, Number(value)]),
  );
}

Deno.test("ipbench sink and iperf3 -c count the same (iperf3)", { ignore: !hasIperf3 }, async (t) => {
  let received = 0, sent = 0;
  await using server = await BulkServer.sink();
  await t.step("TCP, up", async () => {
    const { error, end } = await client(server, "-n", "20M");
    assert.equal(error, undefined);
    // The client counts what it wrote; the server what had come when the client said that this was all.
    assert.ok(end.sum_sent.bytes >= 20 * 1024 * 1024);
    assert.ok(end.sum_received.bytes > 0 && end.sum_received.bytes <= end.sum_sent.bytes);
    received += end.sum_received.bytes;
  });
  await t.step("TCP, down, three streams", async () => {
    const { error, end } = await client(server, "-R", "-P", "3", "-t", "1", "-b", "20M");
    assert.equal(error, undefined);
    assert.ok(end.sum_received.bytes > 0 && end.sum_received.bytes <= end.sum_sent.bytes);
    sent += end.sum_sent.bytes;
  });
  await t.step("TCP, both directions", async () => {
    const { error, end } = await client(server, "--bidir", "-t", "1", "-b", "20M");
    assert.equal(error, undefined);
    assert.equal(end.sum_sent.bytes, end.sum_received.bytes);
    received += end.sum_received.bytes;
    sent += end.sum_sent_bidir_reverse!.bytes;
  });
  await t.step("UDP, up", async () => {
    const { error, end } = await client(server, "-u", "-b", "5M", "-l", "1000", "-t", "1", "-P", "2");
    assert.equal(error, undefined);
    const { bytes, packets = 0, lost_packets = 0 } = end.sum!;
    assert.ok(packets > 0 && lost_packets <= 0.01 * packets, JSON.stringify(end.sum));
    assert.ok((packets - lost_packets) * 1000 <= bytes, JSON.stringify(end.sum));
    received += (packets - lost_packets) * 1000;
  });
  await t.step("UDP, down, counters of 64 bits", async () => {
    const { error, end } = await client(
      server,
      "-u",
      "-R",
      "-b",
      "5M",
      "-l",
      "1000",
      "-t",
      "1",
      "--udp-counters-64bit",
    );
    assert.equal(error, undefined);
    const { packets = 0, lost_packets = 0 } = end.sum!;
    assert.ok(packets > 300 && lost_packets <= 0.01 * packets, JSON.stringify(end.sum));
    sent += packets * 1000;
  });
  await t.step("two clients at the same time", async () => {
    const both = await Promise.all([client(server, "-n", "1M"), client(server, "-u", "-b", "2M", "-t", "1")]);
    for (const { error, end } of both) {
      assert.equal(error, undefined);
      received += end.sum?.packets === undefined ? end.sum_received.bytes : 0;
    }
  });
  await t.step("its own count is the sum of theirs", async () => {
    const own = figures(await server.interrupt());
    // The last UDP test's bytes are not told exactly by the client.
    assert.ok(
      own["Received_Bytes"]! >= received && own["Received_Bytes"]! < received + 400_000,
      `${JSON.stringify(own)}, ${received}`,
    );
    assert.ok(
      own["Sent_Bytes"]! >= sent && own["Sent_Bytes"]! < sent * 1.02,
      `${JSON.stringify(own)}, ${sent}`,
    );
  });
});

Deno.test(
  "ipbench sink keeps its limits towards iperf3's clients (iperf3)",
  { ignore: !hasIperf3 },
  async (t) => {
    await using server = await BulkServer.sink("--max-tests", "1", "--max-time", "5s", "--max-rate", "10M");
    await t.step("time", async () => {
      const { error } = await client(server, "-t", "6");
      assert.match(error ?? "", /duration/);
    });
    await t.step("rate", async () => {
      for (const args of [["-b", "11M"], ["-u", "-b", "6M", "-P", "2"], ["-u", "-b", "0"]]) {
        const { error } = await client(server, "-t", "1", ...args);
        assert.match(error ?? "", /bandwidth|bitrate/i, args.join(" "));
      }
    });
    await t.step("TCP without a rate is held to it", async () => {
      const { error, end } = await client(server, "-R", "-t", "2");
      assert.equal(error, undefined);
      const bps = end.sum_received.bytes * 8 / 2;
      assert.ok(bps < 11e6 && bps > 7e6, `${bps}`);
    });
    await t.step("one test at a time", async () => {
      const first = client(server, "-t", "3", "-b", "1M");
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const second = await client(server, "-t", "1");
      assert.match(second.error ?? "", /busy/);
      assert.equal((await first).error, undefined);
    });
    await t.step("what is no iperf3 is closed, and the next client served", async () => {
      using stranger = await RawClient.connect({ port: server.port });
      await stranger.send("GET / HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nUser-Agent: none\r\n\r\n");
      await new Promise((resolve) => setTimeout(resolve, 500));
      stranger.close();
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal((await client(server, "-t", "1", "-b", "1M")).error, undefined);
    });
  },
);
