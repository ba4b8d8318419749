/**
 * Runs without daemons, for the tests of sweeps and searches: result documents made from a few figures, and a clock that
 * is moved by hand.
 *
 * @module
 */

import { defaultRun, type RunDescription } from "../../config/run_description.ts";
import type { ResultDocument, Summary, Verdict } from "../../results/document/document.ts";
import type { Clock } from "../runner.ts";

/** What a fake run is to say. */
export interface FakeRun {
  sent?: number;
  lost?: number;
  p99Ns?: number;
  receivedShare?: number;
  verdict?: Verdict;
  code?: string;
  failed?: boolean;
  interrupted?: boolean;
  counts?: null;
}

/** A run of one test with the given clients' arguments. */
export function fakeDescription(...args: string[]): RunDescription {
  return defaultRun(
    "latency",
    args.map((text, i) => ({
      host: `10.0.0.${i + 1}`,
      port: 8036,
      target: "t",
      targetPort: null,
      args: text,
    })),
  );
}

/** The document of a fake run; what it lost is shared by its clients. */
export function fakeDocument(description: RunDescription, fake: FakeRun = {}): ResultDocument {
  const { sent = 1000, lost = 0, verdict = "VALID", receivedShare = 1 } = fake;
  const share = 1 / description.clients.length;
  const counts = (part: number) => ({
    sent: sent * part,
    ok: (sent - lost) * part,
    lost: lost * part,
    late: 0,
    corrupt: 0,
    duplicate: 0,
    reordered: 0,
  });
  const rates = (part: number) => ({
    requested_bps: 1e6 * part,
    sent_bps: 1e6 * part,
    received_bps: 1e6 * part * receivedShare,
  });
  const latency = { response: fakeSummary(fake.p99Ns ?? 50_000), service: fakeSummary(fake.p99Ns ?? 50_000) };
  const text = fake.code ?? "fake";
  const level = verdict === "INVALID" ? "INVALID" : "SUSPECT";
  return {
    format: "ipbench-result/1",
    ipbench: { version: "0", build: "test" },
    run: {
      id: crypto.randomUUID(),
      started: "2026-01-01T00:00:00.000Z",
      ended: "2026-01-01T00:00:01.000Z",
      verdict,
      reasons: verdict === "VALID" ? [] : [text],
      details: verdict === "VALID" ? [] : [{ level, code: text, text }],
      ...(fake.failed === true ? { failed: true } : {}),
      ...(fake.interrupted === true ? { interrupted: true } : {}),
    },
    config: description,
    test: { name: description.test, args: description.clients[0]?.args ?? "" },
    clients: description.clients.map((client) => ({
      host: client.host,
      port: client.port,
      args: client.args,
      peer: "ipbenchd/0",
      clock: null,
      start: null,
      counts: fake.counts === null ? null : counts(share),
      rates: rates(share),
      pacing: null,
      latency,
      histograms: null,
      metrics: [],
    })),
    targets: [],
    total: { counts: fake.counts === null ? null : counts(1), rates: rates(1), latency },
    csv: "",
  };
}

function fakeSummary(p99: number): Summary {
  return {
    count: 1000,
    min_ns: p99 / 4,
    mean_ns: p99 / 2,
    stddev_ns: p99 / 10,
    p50_ns: p99 / 2,
    p90_ns: p99 * 0.9,
    p99_ns: p99,
    p999_ns: p99 * 1.1,
    p9999_ns: p99 * 1.2,
    p99999_ns: p99 * 1.3,
    max_ns: p99 * 2,
  };
}

/** A clock that moves only when told, and when somebody sleeps. */
export class FakeClock implements Clock {
  elapsed = 0;

  now(): Date {
    return new Date(Date.UTC(2026, 0, 1) + this.elapsed * 1000);
  }

  seconds(): number {
    return this.elapsed;
  }

  sleep(seconds: number): Promise<void> {
    this.elapsed += seconds;
    return Promise.resolve();
  }
}
