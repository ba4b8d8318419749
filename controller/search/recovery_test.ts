import assert from "node:assert/strict";
import { getArg } from "../../base/args.ts";
import type { Outages, ResultDocument } from "../../results/document/document.ts";
import { FAKE_SHAPE, fakeDescription, fakeDocument } from "../../tests/fixtures/fake_run.ts";
import {
  describeRecovery,
  describeReset,
  failedReset,
  planRecovery,
  recoveryOf,
  resetOf,
} from "./recovery.ts";

const RUN = fakeDescription("socktype=udp,size=100", "socktype=udp,size=100");
const STALLS = { limit_ns: 0, count: 0, sum_ns: 0, longest_ns: 0, list: [], left_out: 0 };
/** When the measured phase begins, on the controller's clock. */
const BEGIN_NS = 5e9;

function documentOf(...outages: Partial<Outages>[]): ResultDocument {
  const document = fakeDocument(RUN);
  document.clients = document.clients.map((client, n) => ({
    ...client,
    window: { start_ns: BEGIN_NS, end_ns: BEGIN_NS + 10e9 },
    ...outages[n] !== undefined && {
      outages: {
        least_packets: 3,
        interval_ns: 1e6,
        runs: { count: 0, packets: 0, lengths: [] },
        stalls: STALLS,
        ...outages[n],
      },
    },
  }));
  return document;
}

const lost = (packets: number) => ({ runs: { count: 1, packets, lengths: [] } });

Deno.test("a device is overloaded by 110 % of its throughput, or the line, and then gets half of it (26.5)", () => {
  assert.deepEqual(planRecovery(100e6, 1e9), { overload: 110e6, load: 55e6 });
  assert.deepEqual(planRecovery(95e6, 100e6), { overload: 100e6, load: 50e6 });
  const { clients } = describeRecovery(RUN, FAKE_SHAPE, planRecovery(100e6, 1e9), 60, 10);
  for (const { args } of clients) {
    const of = (name: string) => getArg(args, name);
    // Twice the rate for a minute; the measured phase is what comes then.
    assert.deepEqual([of("bps"), of("overload"), of("rampup"), of("warmup"), of("duration")], [
      ...["27500000", "2", "60", "0", "10"],
    ]);
  }
});

Deno.test("recovery is until the last lost packet of any sender", () => {
  const found = recoveryOf(
    documentOf({ last_lost_ns: 3e6, ...lost(4) }, { last_lost_ns: 7e6, ...lost(2) }),
    10,
  );
  assert.deepEqual(found, { recovery_ns: 7e6, lost: 6, recovered: true });
  assert.deepEqual(recoveryOf(documentOf({}, {}), 10), { recovery_ns: 0, lost: 0, recovered: true });
  const never = recoveryOf(documentOf({ last_lost_ns: 9.5e9, ...lost(1000) }, {}), 10);
  assert.equal(never?.recovered, false);
  assert.equal(recoveryOf(documentOf({}), 10), null, "one of them does not tell");
});

Deno.test("a reset is the longest outage that ended after the command began", () => {
  const { events, clients } = describeReset(RUN, FAKE_SHAPE, 100e6, 8, "reboot");
  assert.deepEqual(events, [{ seconds: 2, command: "reboot" }]);
  assert.equal(getArg(clients[0]!.args, "max_outage"), "8");
  assert.deepEqual(describeReset(RUN, FAKE_SHAPE, 1e6, 60, "x").events, [{ seconds: 5, command: "x" }]);
  const document = documentOf({
    list: [
      { t_ns: 0.5e9, length_ns: 1.2e9, packets: 1200 }, // over before
      { t_ns: 2.1e9, length_ns: 0.5e9, packets: 500, error_ns: 1.5e6 },
      { t_ns: 3e9, length_ns: 0.1e9, packets: 100 },
    ],
    ...lost(1800),
  }, {});
  document.events = [{
    kind: "command",
    text: "reboot",
    planned_ns: 2e9,
    at: "2026-01-01T00:00:02.000Z",
    start_ns: BEGIN_NS + 2e9,
    end_ns: BEGIN_NS + 2.2e9,
    status: 0,
  }];
  assert.equal(failedReset(document), null);
  assert.deepEqual(resetOf(document), {
    outage_ns: 0.5e9,
    error_ns: 1.5e6,
    after_ns: 0.1e9,
    lost: 1800,
    loss_ns: 1.8e9,
    came_back: true,
  });
  document.clients[0]!.outages!.list![1]!.open_end = true;
  assert.equal(resetOf(document)?.came_back, false);
  const down = {
    kind: "link" as const,
    text: "eth1 of tester 10.0.0.2:8036 was down",
    role: "tester" as const,
    host: "10.0.0.2:8036",
    iface: "eth1",
    at: "2026-01-01T00:00:00.000Z",
    start_ns: 0,
    end_ns: 1,
  };
  const [command] = document.events.filter((event) => event.kind === "command");
  assert.equal(
    failedReset({ ...document, events: [down, ...document.events] }),
    null,
    "a link is no command",
  );
  document.events = [down, { ...command!, status: 1 }];
  assert.equal(failedReset(document)?.kind, "failed");
  assert.equal(failedReset({ ...document, events: [] })?.kind, "failed");
});
