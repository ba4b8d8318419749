import assert from "node:assert/strict";
import type { ResultDocument } from "../../results/document/document.ts";
import type { MeshDocument } from "../../results/mesh/document.ts";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import type { RunDescription } from "../../config/run_description.ts";
import { SYSTEM_CLOCK } from "../run/runner.ts";
import { type MeshEvent, type MeshOptions, runMesh } from "./run_mesh.ts";

function optionsOf(count: number, more: Partial<MeshOptions> = {}): MeshOptions {
  return {
    hosts: Array.from({ length: count }, (_, n) => ({
      name: `h${n}`,
      host: `h${n}`,
      port: 8036,
      targetPort: 8037,
      address: `10.0.0.${n}`,
      keys: {},
    })),
    delayTest: "latency",
    delayArgs: "socktype=udp",
    rateArgs: "direction=up",
    both: true,
    servicePort: 17_000,
    common: { secretFile: null, tls: null, debug: false, reset: false },
    before: null,
    ipbench: { version: "1.0.0", build: "test" },
    ...more,
  };
}

/** What a run of these clients would give; `broken`: hosts whose daemons do not answer. */
function answer(description: RunDescription, broken: ReadonlySet<string>): ResultDocument {
  const template = makeDocument({ samples: 100 });
  const [client] = template.clients;
  const dead = description.targets.find(({ host }) => broken.has(host));
  template.clients = description.clients.map(({ host, port, args }) => ({
    ...structuredClone(client!),
    host,
    port,
    args,
    ...broken.has(host) ? { error: `connect: ${host} does not answer`, peer: null } : {},
  }));
  template.targets = description.targets.map(({ host, port, test, args }) => ({
    host,
    port,
    test,
    args,
    peer: "ipbenchd/1.0.0",
    metrics: [],
    text: null,
    environment: null,
    ...broken.has(host) ? { error: `connect: ${host} does not answer` } : {},
  }));
  Object.assign(template.run, { verdict: "VALID", reasons: [], details: [] });
  if (dead !== undefined) {
    Object.assign(template.run, { failed: true, reasons: [`${dead.host} does not answer`] });
  }
  return template;
}

async function mesh(options: MeshOptions, broken: string[] = [], more: { abortAfter?: number } = {}) {
  const runs: RunDescription[] = [], events: MeshEvent[] = [], kept: MeshDocument[] = [];
  const abort = new AbortController();
  const document = await runMesh(options, {
    clock: SYSTEM_CLOCK,
    signal: abort.signal,
    run(description) {
      runs.push(description);
      if (runs.length === more.abortAfter) abort.abort();
      return Promise.resolve(answer(description, new Set(broken)));
    },
    keep(document) {
      kept.push(structuredClone(document));
      return Promise.resolve();
    },
    onEvent: (event) => events.push(event),
  });
  return { document, runs, events, kept };
}

Deno.test("sixteen hosts take fifteen rounds, and in each run a host tests one other and answers it", async () => {
  const { document, runs } = await mesh(optionsOf(16));
  assert.equal(document.rounds, 15);
  assert.equal(runs.length, 2 * 15);
  assert.equal(document.pairs.length, 16 * 15);
  assert.ok(
    document.pairs.every(({ delay, rate_bps, sent }) => delay !== null && rate_bps !== null && sent !== null),
  );
  for (const { clients, targets } of runs) {
    assert.equal(new Set(clients.map(({ host }) => host)).size, 16);
    assert.equal(new Set(clients.map(({ target }) => target)).size, 16);
    assert.equal(new Set(targets.map(({ host }) => host)).size, 16);
    for (const { target, targetPort } of clients) {
      const to = targets.find(({ host }) => `10.0.0.${host.slice(1)}` === target)!;
      assert.ok(
        to.args === `port=${targetPort},echo=${targetPort! + 1}` || to.args.endsWith(`echo=${targetPort}`),
      );
    }
  }
});

Deno.test("one direction after the other has each host once in a run", async () => {
  const { runs, document } = await mesh(optionsOf(5, { both: false, rateArgs: null }));
  assert.equal(document.rounds, 5);
  assert.equal(runs.length, 2 * 5);
  for (const { clients, targets } of runs) {
    const busy = [...clients, ...targets].map(({ host }) => host);
    assert.equal(new Set(busy).size, busy.length);
  }
  assert.equal(document.pairs.length, 20);
  assert.ok(document.pairs.every(({ rate_bps }) => rate_bps === null));
});

Deno.test("a host that dies is named, and the others go on without it", async () => {
  const { document, events, runs } = await mesh(optionsOf(6, { rateArgs: null }), ["h2"]);
  const measured = document.pairs.filter(({ delay }) => delay !== null);
  assert.equal(measured.length, 5 * 4);
  assert.ok(measured.every(({ from, to }) => from !== 2 && to !== 2));
  const missing = document.pairs.filter(({ delay }) => delay === null);
  assert.equal(missing.length, 10);
  assert.ok(missing.every(({ reason }) => reason === "connect: h2 does not answer"), JSON.stringify(missing));
  assert.equal(document.hosts[2]!.failed, "connect: h2 does not answer");
  assert.deepEqual(document.hosts.filter(({ failed }) => failed !== undefined).length, 1);
  // In two rounds it is tried; from then on nobody waits for it.
  assert.equal(events.filter(({ kind }) => kind === "lost").length, 2);
  assert.equal(runs.filter(({ targets }) => targets.some(({ host }) => host === "h2")).length, 2);
});

Deno.test("a link that stands out is looked at again, and named only when that lasts", async () => {
  const slow = (runs: number, from: string, to: string) =>
    from === "h1" && to === "10.0.0.2" || from === "h2" && to === "10.0.0.1" ||
    runs < 6 && (from === "h3" && to === "10.0.0.4" || from === "h4" && to === "10.0.0.3");
  let runs = 0;
  const document = await runMesh(optionsOf(6, { rateArgs: null }), {
    clock: SYSTEM_CLOCK,
    run(description) {
      runs++;
      const result = answer(description, new Set());
      for (const [n, client] of result.clients.entries()) {
        const { host, target } = description.clients[n]!;
        const ns = (slow(runs, host, target) ? 3e6 : 1e5) + 1000 * (n % 3);
        const times = { ...client.latency!.response!, min_ns: ns, p50_ns: ns, p99_ns: ns, max_ns: ns };
        client.latency = { response: times, service: times };
        client.counts = { ...client.counts!, lost: 0 };
      }
      return Promise.resolve(result);
    },
  });
  assert.deepEqual(document.findings.map(({ hosts, what }) => [hosts, what]), [[[1, 2], "delay"]]);
  const looks = (from: number, to: number) =>
    document.pairs.find((p) => p.from === from && p.to === to)!.looks;
  assert.deepEqual([looks(1, 2), looks(2, 1), looks(3, 4), looks(0, 1)], [3, 3, 2, undefined]);
});

Deno.test("what is interrupted is kept, and gone on with where it was", async () => {
  const { document, kept } = await mesh(optionsOf(4), [], { abortAfter: 4 });
  assert.equal(document.interrupted, true);
  const whole = document.pairs.filter(({ delay, rate_bps }) => delay !== null && rate_bps !== null);
  assert.equal(whole.length, 8);
  assert.ok(kept.length >= 2);
  const { document: rest, runs } = await mesh(optionsOf(4, { before: document }));
  assert.equal(runs.length, 2);
  assert.equal(rest.interrupted, false);
  assert.ok(rest.pairs.every(({ delay, rate_bps }) => delay !== null && rate_bps !== null));
  assert.equal(rest.started, document.started);
});
