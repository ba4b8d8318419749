import assert from "node:assert/strict";
import { NO_PROGRESS } from "../../base/test_progress.ts";
import type { PeerName } from "../../controller/run/progress.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { EventStream } from "./event_stream.ts";
import { lineOf, resultInStream, resultLine } from "./events.ts";
import { Tallies } from "./tally.ts";

const NOON = new Date("2026-01-01T12:00:00.000Z");

function tester(index: number, of: string): PeerName {
  return { role: "client", index, host: "127.0.0.1", port: 8000 + index, class: of };
}

Deno.test("a line has the event first, then the time, and ends with a newline", () => {
  assert.equal(
    lineOf({ event: "phase", phase: "setup", text: "set\nup" }, NOON),
    '{"event":"phase","at":"2026-01-01T12:00:00.000Z","phase":"setup","text":"set\\nup"}\n',
  );
});

Deno.test("what a peer says cannot write to the terminal that shows a line", () => {
  const text = "a\u001b[2J\u009b2J\u202eb\u007f\u2028é";
  const line = lineOf({ event: "warning", peer: null, text }, NOON);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(line, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2028]/);
  assert.equal(JSON.parse(line).text, text);
});

Deno.test("the last line is the document and nothing else", () => {
  const document = makeDocument();
  const line = [...resultLine(document, NOON)].join("");
  assert.equal(line.indexOf("\n"), line.length - 1);
  const { event, at, ...rest } = JSON.parse(line);
  assert.deepEqual([event, at], ["result", NOON.toISOString()]);
  assert.deepEqual(rest, JSON.parse(JSON.stringify(document)));
});

Deno.test("a result is found in a stream, in a log with other lines, and a document stays what it is", () => {
  const document = makeDocument();
  const result = [...resultLine(document, NOON)].join("").trimEnd();
  const phase = lineOf({ event: "phase", phase: "run", text: "running" }, NOON);
  for (
    const [before, after] of [["", ""], [phase, ""], [phase, "\n"], ["ipbench: VALID\n" + phase, "\nmore\n"]]
  ) {
    assert.equal(resultInStream(before + result + after), result);
  }
  assert.equal(
    resultInStream(`${phase}{"event":"result","of":"an earlier run"}\n${phase}${result}\n`),
    result,
  );
  assert.equal(resultInStream(phase), null);
  const whole = JSON.stringify(document, null, 2);
  assert.equal(resultInStream(whole), whole);
});

Deno.test("testers are summed up by class, percentiles are the largest, and what nobody reported is null", () => {
  const classes = ["voice", "bulk", "voice"];
  const [one] = makeDocument().clients;
  const tallies = new Tallies({ clients: classes.map((name) => ({ ...one!, class: name })) });
  const [first, bulk, second] = [tester(0, "voice"), tester(1, "bulk"), tester(2, "voice")] as const;
  const figures = { ...NO_PROGRESS, sent: 10, ok: 8, lost: 1, bad: 1, rateBps: 100, p99Ns: 7, elapsedNs: 5 };
  tallies.take({ kind: "progress", peer: first, progress: { ...figures, sent: 1 } });
  tallies.take({ kind: "progress", peer: first, progress: figures });
  tallies.take({ kind: "progress", peer: second, progress: { ...figures, p99Ns: 5, elapsedNs: 9 } });
  tallies.take({ kind: "result", peer: second, valid: true, bytes: 1 });
  tallies.take({ kind: "error", peer: bulk, phase: "run", text: "gone" });
  tallies.take({ kind: "error", peer: { ...bulk, role: "target", index: 0 }, phase: "run", text: "another" });
  const [voice, other, ...more] = tallies.sums();
  assert.deepEqual(more, []);
  assert.deepEqual(voice, {
    class: "voice",
    clients: 2,
    done: 1,
    failed: 0,
    reporting: 2,
    elapsed_ns: 9,
    expected_ns: null,
    sent: 20,
    ok: 16,
    lost: 2,
    bad: 2,
    received_bps: 100, // what is done receives no more
    sent_bps: null,
    worst_p50_ns: null,
    worst_p99_ns: 7,
    worst_p999_ns: null,
    max_ns: null,
    dark_ns: 0,
  });
  assert.deepEqual([other?.class, other?.failed, other?.reporting, other?.sent], ["bulk", 1, 0, null]);
});

Deno.test("at the end the result's figures count, and no counter falls", () => {
  const document = makeDocument({ clients: 1 });
  const [client] = document.clients;
  const tallies = new Tallies(document);
  const peer: PeerName = { role: "client", index: 0, host: "127.0.0.1", port: 1 };
  const { sent, ok, lost, late, corrupt } = client!.counts!;
  const reported = {
    ...NO_PROGRESS,
    sent: sent - 5,
    ok: ok + 1,
    lost: lost + 9,
    bad: 0,
    rateBps: 7,
    p99Ns: 1,
  };
  tallies.take({ kind: "progress", peer, progress: reported });
  tallies.take({ kind: "result", peer, valid: true, bytes: 1 });
  tallies.settle(document);
  const [sum] = tallies.sums();
  assert.deepEqual([sum?.sent, sum?.ok, sum?.lost, sum?.bad], [sent, ok + 1, lost, late + corrupt]);
  const { p99_ns, max_ns } = client!.latency!.response!;
  assert.deepEqual([sum?.worst_p99_ns, sum?.max_ns, sum?.received_bps], [p99_ns, max_ns, 0]);
});

Deno.test("a sum of which one tester does not know its part is null, not too small", () => {
  const tallies = new Tallies(makeDocument({ clients: 2 }));
  const peers = [0, 1].map((index): PeerName => ({ role: "client", index, host: "127.0.0.1", port: 1 }));
  tallies.take({
    kind: "progress",
    peer: peers[0]!,
    progress: { ...NO_PROGRESS, rateBps: 5, sentBps: 0, ok: 0 },
  });
  tallies.take({ kind: "progress", peer: peers[1]!, progress: { ...NO_PROGRESS, sentBps: 7, ok: 1 } });
  const [sum] = tallies.sums();
  assert.deepEqual([sum?.received_bps, sum?.sent_bps, sum?.ok, sum?.sent], [null, 7, 1, null]);
});

Deno.test("lines that a reader did not take in time are counted where they are missing", async () => {
  let text = "";
  const { promise: reading, resolve: read } = Promise.withResolvers<void>();
  using stream = new EventStream(() => assert.fail("nothing was to fail"), {
    async write(bytes) {
      await reading;
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
  });
  const document = makeDocument();
  stream.begin(document);
  const long = "x".repeat(100_000);
  for (let n = 0; n < 15; n++) stream.take({ kind: "warning", peer: null, text: `${n} ${long}` });
  read();
  await stream.finish(document);
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const kinds = lines.map(({ event }) => event);
  assert.deepEqual(kinds, ["begin", ...Array(10).fill("warning"), "skipped", "result"]);
  assert.equal(lines[11].lines, 5);
});
