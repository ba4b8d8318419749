/**
 * STAMP against programs that are not ours: a sender and a reflector written from the RFCs in Python, tshark's TWAMP-Test
 * dissector and scapy.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ClientResult, Metric } from "../../results/document/document.ts";
import { drive, drivenRow } from "../fixtures/driven.ts";
import { PythonPeer, type Reflected, StampEcho, stampPython } from "../fixtures/peers/stamp/peers.ts";
import { Capture } from "../fixtures/network/wire.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { freePort, hasNamespaces, isInstalled, runProgram, until } from "../util/mod.ts";

const KEY = "a key of 23 characters.";
const ignore = !isInstalled("python3");
const SHORT = "warmup=0.1,duration=1,cooldown=0.1,drain=3,noise=0";
/** Packets a second: 300 in the measured phase. */
const RATE = 1_000;

type Result = ClientResult & { stamp: Record<string, unknown> };

async function measured(
  args: string,
  port: number,
  target = "127.0.0.1",
  wrap: string[] = [],
): Promise<Result> {
  const child = drive({ plugin: "stamp", args, target, port, wrap });
  const { result } = await drivenRow<Result>(child);
  return result;
}

function figure(metrics: readonly Metric[], name: string): number | undefined {
  return metrics.find((metric) => metric.name === name)?.value;
}

/** Fails unless every reply came and nothing was wrong with any request. */
function allIsWell(result: Result, seen: Reflected): void {
  assert.deepEqual(seen.wrong, []);
  const { counts } = result;
  assert.ok(counts !== null && counts.sent >= 100, `${counts?.sent}`);
  assert.deepEqual({ ...counts }, { ...counts, ok: counts.sent, lost: 0, late: 0, corrupt: 0, duplicate: 0 });
  for (const name of ["forged", "changed", "implausible_turnaround"]) {
    assert.equal(figure(result.metrics, name), 0, name);
  }
}

for (
  const [mode, ip, key] of [["unauthenticated, IPv4", "127.0.0.1", null], [
    "authenticated, IPv6",
    "::1",
    KEY,
  ]] as const
) {
  Deno.test({ name: `the reflector, clause by clause: ${mode} (python3)`, ignore }, async (t) => {
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, `${KEY}\n`);
      await using echo = await StampEcho.start(ip, key === null ? [] : ["--stamp-key-file", file]);
      const lines = (await stampPython("check", ip, String(echo.port), ...key === null ? [] : [key])).trim()
        .split("\n");
      assert.ok(lines.length > 20, lines.join("\n"));
      for (const line of lines) {
        await t.step(
          line.replace(/^(ok|no) /, "").split(":")[0]!,
          () => assert.ok(line.startsWith("ok "), line),
        );
      }
    } finally {
      await Deno.remove(file);
    }
  });
}

Deno.test({
  name: "a stateless reflector answers with its packets' numbers (RFC 8762, section 4.3.1)",
  ignore,
}, async () => {
  await using echo = await StampEcho.start("127.0.0.1", ["--stateless"]);
  const result = await measured(SHORT, echo.port);
  assert.equal(result.stamp.reflector, "stateless");
  assert.match(String(result.stamp.ways_unknown), /keeps no state/);
  assert.equal(figure(result.metrics, "lost_forward"), undefined);
});

Deno.test({ name: "a sender in Python measures with our reflector (python3)", ignore }, async () => {
  await using echo = await StampEcho.start("127.0.0.1");
  const { times } = JSON.parse(await stampPython("send", "127.0.0.1", String(echo.port), "50")) as {
    times: number[][];
  };
  assert.equal(times.length, 50);
  for (const [t1, t2, t3, t4] of times) {
    // One machine's clock; both ends read it, and the reflector's anchor is good to a microsecond.
    assert.ok(t1! - 1e6 <= t2! && t2! <= t3! && t3! <= t4! + 1e6, `${t1} ${t2} ${t3} ${t4}`);
  }
});

const TLVS = "timestamp_info=1,direct=1,follow_up=1,location=1,cos=46";
const MODES: [
  name: string,
  args: string,
  options: Record<string, unknown>,
  size: number,
  reflector: string,
][] = [
  ["unauthenticated", "", {}, 44, "stateful"],
  ["authenticated", `auth=1,key=${KEY}`, { key: KEY }, 112, "stateful"],
  ["stateless", "", { stateless: true }, 44, "stateless"],
  ["TWAMP Light", "peer=twamp,size=100", { twamp: true }, 100, "stateful"],
  ["TWAMP Light, smallest", "", { twamp: true }, 44, "stateful"],
  ["a reflector with PTP's times", "", { ptp: true }, 44, "stateful"],
  ["PTP's times", "times=ptp", {}, 44, "stateful"],
  ["padding", "size=300", {}, 300, "stateful"],
  ["TLVs", TLVS, {}, 44 + 8 + 16 + 20 + 48 + 8, "stateful"],
  ["TLVs, authenticated", `${TLVS},auth=1,key=${KEY},size=400`, { key: KEY }, 400, "stateful"],
  ["sessions side by side", "flows=5", {}, 44, "stateful"],
  ["a reflector without session identifiers", "", { zero_ssid: true }, 44, "stateful"],
];
for (const [name, args, options, size, reflector] of MODES) {
  Deno.test({ name: `the sender: ${name} (python3)`, ignore }, async () => {
    await using peer = await PythonPeer.reflector("127.0.0.1", options);
    const bps = `bps=${8 * size * RATE}`;
    const result = await measured([SHORT, bps, args].filter((each) => each !== "").join(","), peer.port);
    const seen = await peer.seen();
    allIsWell(result, seen);
    assert.equal(result.stamp.reflector, reflector, String(result.stamp.reflector_why));
    const sizes = Object.keys(seen.sizes).map(Number).filter((each) =>
      each !== (size >= 112 && "key" in options ? 112 : 44)
    );
    assert.deepEqual(sizes, size === (("key" in options) ? 112 : 44) ? [] : [size]);
    assert.equal(figure(result.metrics, "zero_ssid")! > 0, "zero_ssid" in options || "twamp" in options);
    assert.equal(figure(result.metrics, "lost_forward"), reflector === "stateful" ? 0 : undefined);
    // A session a flow, each packet with its identifier; and one by which it was found out whether the reflector counts.
    assert.equal(seen.sessions, (args.includes("flows=5") ? 5 : 1) + 1);
    assert.equal(result.stamp.reflector_times, "ptp" in options ? "ptp" : "ntp");
    if (args.includes("direct=1")) {
      const all = result.engine?.all_packets as number;
      assert.equal(result.stamp.reflector_received, all);
      assert.equal(result.stamp.reflector_sent, all);
      assert.equal(result.stamp.dscp_arrived, 46);
      assert.equal(result.stamp.unrecognized_tlvs, 0);
    }
  });
}

Deno.test({
  name:
    "the sender's first answers without a session identifier end the run where that is asked for (RFC 8972, section 3)",
  ignore,
}, async () => {
  await using peer = await PythonPeer.reflector("127.0.0.1", { zero_ssid: true });
  const result = await measured(`${SHORT},zero_ssid=end`, peer.port);
  assert.ok(result.reasons?.some(({ code }) => code === "stamp-zero-ssid"));
});

Deno.test({
  name: "answers with a wrong HMAC are used for nothing, and counted (RFC 8762, section 4.4)",
  ignore,
}, async () => {
  await using peer = await PythonPeer.reflector("127.0.0.1", { key: KEY, spoil: 10 });
  const result = await measured(`${SHORT},auth=1,key=${KEY}`, peer.port);
  const { counted } = await peer.seen();
  const spoiled = Math.floor(counted[0]! / 10);
  assert.equal(figure(result.metrics, "forged"), spoiled);
  const { counts } = result;
  assert.ok(Math.abs(counts!.corrupt + counts!.lost - counts!.sent / 10) <= 1, JSON.stringify(counts));
  assert.ok(result.reasons?.some(({ code }) => code === "stamp-hmac"));
});

Deno.test({
  name:
    "authenticated answers of an earlier run, sent again before each answer, are used for nothing (RFC 8972, section 6)",
  ignore,
}, async () => {
  await using peer = await PythonPeer.reflector("127.0.0.1", { key: KEY, replay: true });
  const result = await measured(`${SHORT},auth=1,key=${KEY}`, peer.port);
  const { counted } = await peer.seen();
  assert.equal(figure(result.metrics, "changed"), counted[0]);
  const { counts } = result;
  assert.ok(counts !== null && counts.sent >= 100, JSON.stringify(counts));
  assert.deepEqual({ ...counts }, { ...counts, ok: counts.sent, lost: 0, late: 0, corrupt: 0, duplicate: 0 });
  for (const name of ["lost_forward", "lost_backward", "duplicate_backward", "implausible_turnaround"]) {
    assert.equal(figure(result.metrics, name), 0, name);
  }
  assert.ok(result.reasons?.some(({ code }) => code === "stamp-replay"));
});

/** Reads packets as scapy's own module for STAMP does; a line of hexadecimal digits each, senders' first. */
const SCAPY = `import json, logging, sys
logging.disable(50)
from scapy.layers.inet import UDP
from scapy.contrib.stamp import STAMPSessionSenderTestUnauthenticated as S, STAMPSessionReflectorTestUnauthenticated as R
# Its length of TLVs comes from the UDP header, which this edition of scapy does not hand down by itself.
read = lambda kind, data: kind(data, _parent=UDP(len=8 + len(data)))
for out, back in zip(*[iter(sys.stdin.read().split())] * 2):
    s, r = read(S, bytes.fromhex(out)), read(R, bytes.fromhex(back))
    e = lambda f: [int(f.S), int(f.Z), f.scale, f.multiplier]
    print(json.dumps([s.seq, float(s.ts), e(s.err_estimate), s.ssid, int(s.mbz), r.seq, float(r.ts), e(r.err_estimate), r.ssid,
                      float(r.ts_rx), r.seq_sender, float(r.ts_sender), e(r.err_estimate_sender), r.ttl_sender,
                      [(int(t.flags), t.type, t.len) for t in s.tlv_objects], [(int(t.flags), t.type, t.len) for t in r.tlv_objects]]))`;

/**
 * Variation of the way out and turn-around, from the stamps that stood in the packets. Those are read to a quarter of a
 * microsecond, and nothing of the way back is known from them but that.
 */
function witnessVariation(result: Result, sent: number[], far: number[][]): void {
  const first = result.engine?.first_packet as number, end = first + result.counts!.sent;
  const measured = far.map(([received, left], n) => ({
    n,
    out: received! - sent[n]!,
    kept: left! - received!,
  }))
    .filter(({ n }) => n >= first && n < end);
  const rank = (values: number[], share: number) =>
    values.toSorted((a, b) => a - b)[Math.ceil(share * values.length) - 1]!;
  const least = Math.min(...measured.map(({ out }) => out));
  const variation = measured.map(({ out }) => out - least);
  const changes = measured.slice(1).map(({ out }, n) => Math.abs(out - measured[n]!.out));
  for (
    const [name, values, share] of [
      ["forward_pdv_p50", variation, 0.5],
      ["forward_pdv_p99", variation, 0.99],
      ["forward_pdv_max", variation, 1],
      ["forward_ipdv_p99", changes, 0.99],
      ["turnaround_p50", measured.map(({ kept }) => kept), 0.5],
      ["turnaround_p99", measured.map(({ kept }) => kept), 0.99],
    ] as const
  ) {
    const witness = rank([...values], share) * 1e6, found = figure(result.metrics, name)!;
    assert.ok(
      Math.abs(found - witness) <= 1 + 0.003 * witness,
      `${name}: ${found}, and ${witness} by the packets`,
    );
  }
}

/** Seconds since 1970 of one of tshark's times. */
function seconds(text: string): number {
  const [, time, fraction] = /^(.*)\.(\d+) UTC$/.exec(text) ?? assert.fail(text);
  return Date.parse(`${time} UTC`) / 1000 + Number(`0.${fraction}`);
}

Deno.test({
  name: "packets and answers as tshark and scapy decode them (tshark, python3-scapy)",
  ignore: ignore || !hasNamespaces() || !isInstalled("tshark") || !isInstalled("scapy"),
}, async () => {
  using link = Veth.make("t") ?? assert.fail("no namespace");
  await using peer = await StampEcho.start(link.farAddress, [], link.wrap);
  await using capture = await Capture.start(link.near, "udp");
  const result = await measured(
    `${SHORT},bps=500k,size=52,duration=0.1,ssid=4242`,
    peer.port,
    link.farAddress,
  );
  const test = (name: string) => `twamp.test.${name}`;
  const names = [
    "seq_number",
    "timestamp",
    "receive_timestamp",
    "sender_seq_number",
    "sender_timestamp",
    "sender_ttl",
    "error_estimate",
    "sender_error_estimate",
    "mbz2",
  ];
  const fields = ["udp.dstport", "frame.time_epoch", "udp.payload", ...names.map(test)];
  const rows = await capture.rows(fields, ["-d", `udp.port==${peer.port},twamp.test`]);
  const packets = rows.map((row) => Object.fromEntries(fields.map((field, n) => [field, row[n] ?? ""])));
  const isOut = (row: Record<string, string>) => row["udp.dstport"] === String(peer.port);
  // One session: a packet and its answer have the same number, since none was lost.
  const out = packets.filter(isOut).slice(0, result.engine?.all_packets as number),
    answers = packets.filter((row) => !isOut(row));
  const back = out.map((row) =>
    answers.find((each) => each[test("sender_seq_number")] === row[test("seq_number")])!
  );
  assert.ok(out.length > 100, `${out.length}`);
  let before = -1;
  for (const [n, sent] of out.entries()) {
    const answer = back[n]!;
    assert.equal(Number(sent[test("seq_number")]), before + 1);
    before++;
    assert.equal(answer[test("seq_number")], sent[test("seq_number")]);
    assert.equal(answer[test("sender_timestamp")], sent[test("timestamp")]);
    assert.equal(answer[test("sender_error_estimate")], sent[test("error_estimate")]);
    assert.equal(answer[test("sender_ttl")], "255");
    assert.equal(Number(answer[test("mbz2")]), 0);
    const [t1, t2, t3] = [
      sent[test("timestamp")]!,
      answer[test("receive_timestamp")]!,
      answer[test("timestamp")]!,
    ].map(seconds);
    const left = Number(sent["frame.time_epoch"]), came = Number(answer["frame.time_epoch"]);
    // Numbers of seconds since 1970 are good to a quarter of a microsecond; the anchors to a few.
    const slack = 20e-6;
    assert.ok(
      t1! <= left + slack && left <= t2! + slack && t2! <= t3! && t3! <= came + slack,
      [t1, left, t2, t3, came].join(" "),
    );
    assert.ok(came - t1! < 0.5);
  }
  witnessVariation(
    result,
    out.map((row) => seconds(row[test("timestamp")]!)),
    back.map((row) => [
      seconds(row[test("receive_timestamp")]!),
      seconds(row[test("timestamp")]!),
    ]),
  );
  const decoder = new Deno.Command("/usr/bin/python3", {
    args: ["-c", SCAPY],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = decoder.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode(
      out.flatMap((row, n) => [row["udp.payload"], back[n]!["udp.payload"]]).join("\n"),
    ),
  );
  await writer.close();
  const { stdout, stderr, success } = await decoder.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const read = new TextDecoder().decode(stdout).trim().split("\n").map((line) =>
    JSON.parse(line) as unknown[]
  );
  assert.equal(read.length, out.length);
  const NTP_EPOCH = 2_208_988_800;
  for (const [n, found] of read.entries()) {
    const [
      seq,
      ts,
      error,
      ssid,
      mbz,
      rseq,
      rts,
      rerror,
      rssid,
      received,
      sseq,
      sts,
      serror,
      ttl,
      tlvs,
      rtlvs,
    ] = found;
    assert.deepEqual([seq, ssid, mbz, rseq, rssid, sseq, ttl], [n, 4242, 0, n, 4242, n, 255]);
    assert.ok(Math.abs(Number(ts) - NTP_EPOCH - seconds(out[n]![test("timestamp")]!)) < 2e-6);
    assert.ok(Math.abs(Number(rts) - NTP_EPOCH - seconds(back[n]![test("timestamp")]!)) < 2e-6);
    assert.ok(Math.abs(Number(received) - NTP_EPOCH - seconds(back[n]![test("receive_timestamp")]!)) < 2e-6);
    assert.equal(sts, ts);
    assert.deepEqual(serror, error);
    assert.ok((rerror as number[])[3]! > 0 && (rerror as number[])[1] === 0);
    assert.deepEqual([tlvs, rtlvs], [[[0x80, 1, 4]], [[0, 1, 4]]]);
  }
});

Deno.test(
  { name: "the reflector counts what a sender in Python sent of each kind (python3)", ignore },
  async () => {
    const port = freePort();
    const child = drive({
      plugin: "stamp_reflector",
      args: `port=${port},ip=127.0.0.1,ssid=7`,
      target: "",
      port: 0,
      seconds: 4,
    });
    const figures = drivenRow<{ metrics: Metric[]; stamp_clock: { sessions: unknown[] } }>(child);
    const sent = JSON.parse(await stampPython("kinds", "127.0.0.1", String(port))) as Record<string, number>;
    const { result, row } = await figures;
    const found = Object.fromEntries(result.metrics.map(({ name, value }) => [name, value]));
    assert.deepEqual(Object.fromEntries(Object.keys(sent).map((name) => [name, found[name]])), sent);
    assert.deepEqual(row.map(Number), [sent.answered, sent.bytes]);
    assert.deepEqual(result.stamp_clock.sessions, [{ session: 7, packets: sent.answered }]);
    assert.deepEqual([found.dropped, found.displaced, found.send_failures, found.forged], [0, 0, 0, 0]);
  },
);

Deno.test({
  name: "two reflectors do not answer each other for ever (python3, root)",
  ignore: ignore || Deno.uid() !== 0,
}, async () => {
  const ports = [freePort(), freePort()] as const;
  const reflectors = ports.map((port) =>
    drive({ plugin: "stamp_reflector", args: `port=${port},ip=127.0.0.1`, target: "", port: 0, seconds: 3 })
  );
  const figures = reflectors.map((child) => drivenRow<{ metrics: Metric[] }>(child));
  for (const port of ports) await until("the reflector listens", 2_000, () => isListening(port));
  await stampPython("inject", "127.0.0.1", String(ports[0]), String(ports[1]));
  const answered = (await Promise.all(figures)).map(({ result }) => figure(result.metrics, "answered")!);
  // The packet came with 255 hops, and each answer has one less: the last one comes with its last hop, and is not answered.
  assert.equal(answered[0]! + answered[1]!, 254);
});

/** Whether somebody on this machine has this UDP port. */
function isListening(port: number): boolean {
  return Deno.readTextFileSync("/proc/net/udp").includes(
    `:${port.toString(16).toUpperCase().padStart(4, "0")} `,
  );
}

Deno.test("sender and reflector use UDP port 862 unless another one is named (RFC 8762, section 4.1)", async () => {
  const { stdout } = await runProgram("ipbench", ["plugins", "--json"]);
  const plugins = JSON.parse(stdout) as {
    name: string;
    defaultPort?: number;
    options: { name: string; default: string }[];
  }[];
  const [sender, reflector] = ["stamp", "stamp_reflector"].map((name) =>
    plugins.find((each) => each.name === name)!
  );
  assert.equal(sender!.defaultPort, 862);
  assert.equal(reflector!.options.find(({ name }) => name === "port")?.default, "862");
  const { stdout: help } = await runProgram("ipbench", ["echo", "--help"]);
  assert.match(help.replaceAll(/\s+/g, " "), /--stamp \[port\] .*default: 862/);
});
