import assert from "node:assert/strict";
import type { TestProgress } from "../../base/test_progress.ts";
import type { PeerName } from "../../controller/run/progress.ts";
import { LiveView } from "./live_view.ts";

const peer = (index: number, host = `10.0.0.${index}`): PeerName => ({
  role: "client",
  index,
  host,
  port: 8036,
});
const PROGRESS: TestProgress = {
  phase: "measure",
  elapsedNs: 3_200_000_000,
  expectedNs: 10_000_000_000,
  sent: 1010,
  ok: 999,
  lost: 1,
  bad: 0,
  rateBps: 9_980_000,
  sentBps: 10_000_000,
  p50Ns: 12_300,
  p99Ns: 45_600,
  p999Ns: 0,
  maxNs: 0,
  darkNs: 0,
};

Deno.test("one line a client and a total, with what each test says of itself", () => {
  const view = new LiveView();
  view.take({ kind: "phase", phase: "run", text: "running latency" }, 0);
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 12e9, deadlineNs: 20e9 }, 0);
  view.take({ kind: "progress", peer: peer(1), progress: PROGRESS }, 3200);
  view.take({ kind: "peer", peer: peer(2), phase: "run" }, 3200);
  assert.deepEqual(view.frame(3200, 120, 20), [
    "10.0.0.1:8036  measure  3.2/10.0 s  9.98 Mbit/s  loss 0.1 %  p50 12.3 µs  p99 45.6 µs",
    "10.0.0.2:8036  run      3.2/12.0 s",
    "total          0/2 done  9.98 Mbit/s  loss 0.1 %  9 s left",
  ]);
});

Deno.test("how long nothing has come back is told as long as it is dark", () => {
  const view = new LiveView();
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 12e9, deadlineNs: 20e9 }, 0);
  view.take({ kind: "progress", peer: peer(1), progress: { ...PROGRESS, darkNs: 230_400_000 } }, 3200);
  view.take({ kind: "progress", peer: peer(2), progress: PROGRESS }, 3200);
  assert.deepEqual(view.frame(3200, 120, 20), [
    "10.0.0.1:8036  measure  3.2/10.0 s  9.98 Mbit/s  dark for 230 ms  loss 0.1 %  p50 12.3 µs  p99 45.6 µs",
    "10.0.0.2:8036  measure  3.2/10.0 s  9.98 Mbit/s                   loss 0.1 %  p50 12.3 µs  p99 45.6 µs",
    "total          0/2 done  20 Mbit/s  loss 0.1 %  dark for 230 ms  7 s left",
  ]);
  view.take({ kind: "progress", peer: peer(1), progress: { ...PROGRESS, darkNs: 2_340_000_000 } }, 3300);
  assert.match(view.frame(3300, 120, 20)[0]!, / dark for 2\.3 s /);
  view.take({ kind: "progress", peer: peer(1), progress: PROGRESS }, 3400);
  assert.ok(!view.frame(3400, 120, 20).join().includes("dark"));
  view.take({ kind: "progress", peer: peer(1), progress: { ...PROGRESS, darkNs: 9e8 } }, 3500);
  assert.ok(view.frame(3500, 120, 20).join().includes("dark"));
  view.take({ kind: "error", peer: peer(1), phase: "run", text: "the daemon is gone" }, 3600);
  assert.ok(!view.frame(3600, 120, 20).join().includes("dark"), view.frame(3600, 120, 20).join("\n"));
});

Deno.test("the time left is the tests' own where all of them tell", () => {
  const view = new LiveView();
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 12e9, deadlineNs: 20e9 }, 0);
  view.take({ kind: "progress", peer: peer(1), progress: PROGRESS }, 3200);
  assert.match(view.frame(3200, 120, 20).at(-1) ?? "", / 7 s left$/);
});

Deno.test("outcomes are shown, targets have no line", () => {
  const view = new LiveView();
  view.take({ kind: "result", peer: peer(1), valid: true, bytes: 10 }, 0);
  view.take({ kind: "result", peer: peer(2), valid: false, bytes: 10 }, 0);
  view.take({ kind: "peer", peer: peer(3), phase: "setup" }, 0);
  view.take({ kind: "error", peer: peer(3), phase: "setup", text: "no" }, 0);
  view.take({ kind: "peer", peer: { ...peer(0), role: "target" }, phase: "setup" }, 0);
  assert.deepEqual(view.frame(0, 120, 20), [
    "10.0.0.1:8036  done",
    "10.0.0.2:8036  invalid",
    "10.0.0.3:8036  failed in setup",
    "total          3/3 done",
  ]);
});

Deno.test("many clients: the failed and the unfinished are shown, the rest is counted", () => {
  const view = new LiveView();
  for (let i = 0; i < 100; i++) view.take({ kind: "peer", peer: peer(i, `h${i}`), phase: "run" }, 0);
  for (let i = 0; i < 98; i++) {
    view.take({ kind: "result", peer: peer(i, `h${i}`), valid: true, bytes: 1 }, 0);
  }
  view.take({ kind: "error", peer: peer(50, "h50"), phase: "run", text: "gone" }, 0);
  const lines = view.frame(0, 80, 5);
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), [
    "h50:8036",
    "h98:8036",
    "h99:8036",
    "…",
    "total",
  ]);
  assert.match(lines[3] ?? "", /^… and 97 more$/);
});

Deno.test("lines are cut to the terminal, and control characters from the network do not reach it", () => {
  const view = new LiveView();
  view.take({ kind: "progress", peer: peer(1, "evil\x1b[2J"), progress: PROGRESS }, 0);
  const lines = view.frame(0, 30, 20);
  assert.ok(lines.every((line) => Array.from(line).length <= 30));
  assert.ok(lines.every((line) => !line.includes("\x1b")));
});

Deno.test("where lines stay: one a phase, and a total now and then", () => {
  const view = new LiveView();
  const said: string[] = [];
  const take = (event: Parameters<LiveView["take"]>[0], now: number) => {
    view.take(event, now);
    said.push(...view.plain(event, now));
  };
  take({ kind: "phase", phase: "run", text: "running latency" }, 0);
  for (let ms = 0; ms < 6000; ms += 200) take({ kind: "progress", peer: peer(1), progress: PROGRESS }, ms);
  assert.deepEqual(said, [
    "running latency",
    "total  0/1 done  running latency  9.98 Mbit/s  loss 0.1 %  7 s left",
    "total  0/1 done  running latency  9.98 Mbit/s  loss 0.1 %  7 s left",
  ]);
});

Deno.test("what a test does not know is not shown as 0, and what testers send stands beside what others receive", () => {
  const view = new LiveView();
  const none = { ok: null, lost: null, bad: null, sent: null, p50Ns: null, p99Ns: null };
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 12e9, deadlineNs: 20e9 }, 0);
  view.take({
    kind: "progress",
    peer: peer(1),
    progress: { ...PROGRESS, ...none, rateBps: null, sentBps: null },
  }, 3200);
  assert.deepEqual(view.frame(3200, 120, 20), [
    "10.0.0.1:8036  measure  3.2/10.0 s",
    "total          0/1 done  7 s left",
  ]);
  view.take({
    kind: "progress",
    peer: peer(1),
    progress: { ...PROGRESS, ...none, rateBps: null, sentBps: 3e6 },
  }, 3200);
  view.take({
    kind: "progress",
    peer: peer(2),
    progress: { ...PROGRESS, ...none, rateBps: 5e6, sentBps: null },
  }, 3200);
  assert.deepEqual(view.frame(3200, 120, 20), [
    "10.0.0.1:8036  measure  3.2/10.0 s  sent 3 Mbit/s",
    "10.0.0.2:8036  measure  3.2/10.0 s       5 Mbit/s",
    "total          0/2 done  5 Mbit/s, sent 3 Mbit/s  7 s left",
  ]);
});

Deno.test("a test to which nothing comes back shows what it sends, and no loss", () => {
  const view = new LiveView();
  const sending = { ...PROGRESS, ok: 0, lost: 0, rateBps: 0, sentBps: 700e6, p50Ns: 0, p99Ns: 0 };
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 12e9, deadlineNs: 20e9 }, 0);
  view.take({ kind: "progress", peer: peer(1), progress: sending }, 3200);
  assert.deepEqual(view.frame(3200, 120, 20), [
    "10.0.0.1:8036  measure  3.2/10.0 s  sent 700 Mbit/s",
    "total          0/1 done  sent 700 Mbit/s  7 s left",
  ]);
});

/** Sixteen testers of long names, with figures as wide as they get. */
const wide = (view: LiveView, host: (i: number) => string) => {
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 1200e9, deadlineNs: 2000e9 }, 0);
  for (let i = 0; i < 16; i++) {
    const progress = {
      ...PROGRESS,
      elapsedNs: 112.3e9,
      expectedNs: 1200e9,
      lost: 123,
      rateBps: 99.8e6,
      p50Ns: 123_000,
      p99Ns: 45_600_000,
    };
    view.take({ kind: "progress", peer: peer(i, host(i)), progress }, 3200);
  }
};

Deno.test("at any width a column is whole or away, and p99 is the last figure to go", () => {
  const hosts = [
    (i: number) => `10.0.0.${i}`,
    (i: number) => `2001:db8:1234:5678:9abc:def0:1234:${i}`,
    (i: number) => `tester-${i}.measurement.laboratory.example.org`,
  ];
  for (const host of hosts) {
    for (let columns = 40; columns <= 160; columns++) {
      const view = new LiveView(["trial 12", "250M bit/s for 60 s", "ndr 125M..500M"]);
      wide(view, host);
      const lines = view.frame(3200, columns, 24);
      const text = lines.join("\n");
      assert.ok(lines.every((line) => Array.from(line).length <= columns), `${columns}\n${text}`);
      const shown = lines.filter((line) => line.includes("p99 45.6 ms"));
      assert.equal(shown.length, 16, `${columns}\n${text}`);
      for (const line of shown) {
        const [name = "", ...cells] = line.split(/ {2,}/);
        assert.match(name, /8036$/);
        for (const cell of cells) {
          assert.match(
            cell,
            /^(measure|112\.3\/1200\.0 s|99\.8 Mbit\/s|loss 11 %|p50 123 µs|p99 45\.6 ms)$/,
            `${columns}\n${text}`,
          );
        }
      }
      assert.match(lines[0] ?? "", /^trial 12( {2}250M bit\/s for 60 s( {2}ndr 125M\.\.500M)?)?$/);
      assert.match(lines.at(-1) ?? "", /^total .*loss 11 %/);
    }
  }
});

Deno.test("at 80 columns p50 goes first, and columns stay where they are", () => {
  const view = new LiveView();
  wide(view, (i) => `192.168.100.${100 + i}`);
  const [first = ""] = view.frame(3200, 79, 20);
  assert.equal(first, "192.168.100.100:8036  measure  99.8 Mbit/s  loss 11 %  p99 45.6 ms");
  view.take(
    { kind: "progress", peer: peer(0, "192.168.100.100"), progress: { ...PROGRESS, rateBps: 9e6 } },
    3300,
  );
  assert.equal(
    view.frame(3300, 79, 20)[0],
    "192.168.100.100:8036  measure     9 Mbit/s  loss 0.1 %  p99 45.6 µs",
  );
});

Deno.test("no time is left when all testers have ended", () => {
  const view = new LiveView();
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 12e9, deadlineNs: 20e9 }, 0);
  view.take({ kind: "result", peer: peer(1), valid: true, bytes: 10 }, 100);
  assert.equal(view.frame(200, 79, 20).at(-1), "total          1/1 done");
});

Deno.test("testers stand with their class, and each class has a line of its own sums", () => {
  const view = new LiveView();
  const of = (index: number, name: string): PeerName => ({ ...peer(index), class: name });
  view.take({ kind: "schedule", leadNs: 0, expectedNs: 12e9, deadlineNs: 20e9 }, 0);
  view.take({ kind: "progress", peer: of(1, "victim"), progress: PROGRESS }, 3200);
  view.take({
    kind: "progress",
    peer: of(2, "bulk"),
    progress: { ...PROGRESS, ok: 0, lost: 0, bad: 0, rateBps: 0, p50Ns: 0 },
  }, 3200);
  assert.deepEqual(view.frame(3200, 120, 20), [
    "victim 10.0.0.1:8036  measure  3.2/10.0 s     9.98 Mbit/s  loss 0.1 %  p50 12.3 µs  p99 45.6 µs",
    "bulk 10.0.0.2:8036    measure  3.2/10.0 s  sent 10 Mbit/s",
    "victim                0/1 done  9.98 Mbit/s  loss 0.1 %  7 s left",
    "bulk                  0/1 done  sent 10 Mbit/s  7 s left",
  ]);
});
