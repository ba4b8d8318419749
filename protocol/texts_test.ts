import assert from "node:assert/strict";
import { formatGreeting, parseGreeting } from "./greeting.ts";
import { formatClock, isNear, parseClock } from "./clock.ts";
import { formatProgress, parseProgress, type ProgressReport } from "./progress.ts";
import { parseReply } from "./reply.ts";
import { formatHelp, formatStatus, parseStatus } from "./texts.ts";

const NONCE = "00112233445566778899aabbccddeeff";

Deno.test("greeting: extensions and nonce travel; an original has none", () => {
  const line = formatGreeting("ipbenchd 1.0.0", NONCE);
  assert.equal(
    line,
    `100 IPBENCH V1.0 (ipbenchd 1.0.0; ext=form,env,clock,at,watch,continue,stop,auth=${NONCE})\n`,
  );
  const greeting = parseGreeting(line.trim());
  assert.equal(greeting.peer, "ipbenchd/1.0.0");
  assert.equal(greeting.authNonce, NONCE);
  assert.ok(greeting.extensions.has("clock"));
  for (const original of ["100 IPBENCH V1.0", "100 IPBENCH_V1.0", "100 IPBENCH V1.0 (hello)"]) {
    assert.deepEqual(parseGreeting(original), {
      peer: "ipbench-1.0",
      extensions: new Set(),
      authNonce: null,
    });
  }
});

Deno.test("greeting: extensions of a later version are passed over, a bad nonce is not", () => {
  assert.deepEqual([...parseGreeting("100 IPBENCH V1.0 (x 2; ext=quantum,clock)").extensions], ["clock"]);
  assert.throws(() => parseGreeting("100 IPBENCH V1.0 (x 2; ext=auth=12)"), { code: "auth" });
  assert.throws(() => parseGreeting("220 mail.example ESMTP"), { code: "state" });
});

Deno.test("HELP and STATUS: the original's bytes", () => {
  assert.equal(
    formatHelp("tester", false),
    "\nHELP OPTIONS\n------------\nHELP\nHELLO\nLOAD\nSETUP target::<test-target>||port::<test-port>||args::<test-args>\n" +
      "START\nABORT\nSTATUS\nQUIT\n200 OK\n",
  );
  assert.equal(
    formatHelp("target", false),
    "\nHELP OPTIONS\n------------\nHELP\nHELLO\nLOAD\nSETUP args::<target-test-args>\nSTART\nSTOP\nABORT\nSTATUS\nQUIT\n200 OK\n",
  );
  assert.equal(
    formatStatus({ role: "tester", pid: null }),
    "Testing Daemon mode\nNot running a test\n200 OK\n",
  );
  assert.equal(
    formatStatus({ role: "target", pid: 15748 }),
    "Target Daemon mode\nRunning a test (15748)\n200 OK\n",
  );
});

Deno.test("STATUS is read back", () => {
  assert.deepEqual(parseStatus(["Testing Daemon mode", "Not running a test"]), { role: "tester", pid: null });
  assert.deepEqual(parseStatus(["Target Daemon mode", "Running a test (12)"]), { role: "target", pid: 12 });
  assert.equal(parseStatus(["hello"]), null);
});

const REPORT: ProgressReport = {
  pid: 17,
  test: "latency",
  phase: "measure",
  elapsedNs: 1_500_000_000,
  expectedNs: 30_000_000_000,
  sent: 15_000,
  ok: 14_990,
  lost: 3,
  bad: 7,
  rateBps: 7_680_000,
  sentBps: 7_680_100,
  p50Ns: 11_000,
  p99Ns: 48_000,
  p999Ns: 91_000,
  maxNs: 420_000,
  darkNs: 230_000_000,
  owner: "[fe80::7]:51234",
  heldNs: 4_000_000_000,
};

Deno.test("progress: the typed form, there and back", () => {
  const line = formatProgress(REPORT);
  assert.equal(
    line,
    "150 PROGRESS (pid=17 test=latency phase=measure elapsed=1500000000 expected=30000000000 sent=15000 ok=14990 " +
      "lost=3 bad=7 rate=7680000 sentrate=7680100 p50=11000 p99=48000 p999=91000 max=420000 dark=230000000 held=4000000000 of=[fe80::7]:51234)\n",
  );
  assert.deepEqual(parseProgress(parseReply(line.trim())), REPORT);
  assert.equal(formatProgress(null), "150 PROGRESS (idle)\n");
  assert.equal(parseProgress(parseReply("150 PROGRESS (idle)")), null);
  const older = parseProgress(parseReply("150 PROGRESS (pid=17 test=latency phase=measure max=420000)"));
  assert.deepEqual([older?.owner, older?.heldNs, older?.maxNs, older?.sent], [null, 0, 420_000, null]);
  const partly = { ...REPORT, sent: null, rateBps: null, p50Ns: null };
  assert.doesNotMatch(formatProgress(partly), / (sent|rate|p50)=/);
  assert.deepEqual(parseProgress(parseReply(formatProgress(partly).trim())), partly);
  assert.equal(parseProgress(parseReply("150 PROGRESS (pid=17 sent=0 p50=0)"))?.p50Ns, null);
});

Deno.test("progress: rubbish from shared memory is made whole, rubbish from a peer is no number", () => {
  const line = formatProgress({ ...REPORT, sent: NaN, ok: Infinity, lost: -1, bad: 1.5, maxNs: 2 ** 64 });
  assert.match(line, / sent=0 ok=0 lost=0 bad=1 .*max=9007199254740991 /);
  const report = parseProgress(
    parseReply("150 PROGRESS (pid=1 test=\u001b[2J phase=x sent=-5 ok=1e9 lost=)"),
  );
  assert.deepEqual([report?.phase, report?.sent, report?.ok, report?.lost], ["idle", null, null, null]);
  assert.ok(!report?.test.includes("\u001b"));
});

Deno.test("clock: stamps there and back, nonsense refused", () => {
  assert.equal(formatClock({ rxNs: 5n, txNs: 9n }), "200 OK (rx=5 tx=9)\n");
  assert.deepEqual(parseClock(parseReply("200 OK (rx=5 tx=9)")), { rxNs: 5n, txNs: 9n });
  assert.throws(() => parseClock(parseReply("200 OK")), { code: "syntax" });
  assert.throws(() => parseClock(parseReply("200 OK (rx=9 tx=5)")), { code: "syntax" });
});

Deno.test("at::NS counts when it is within a minute", () => {
  const now = 1_000_000_000_000n;
  assert.ok(isNear(now - 59_000_000_000n, now));
  assert.ok(isNear(now + 60_000_000_000n, now));
  assert.ok(!isNear(now + 60_000_000_001n, now));
  assert.ok(!isNear(0n, now));
});
