/**
 * Many testers with all extensions, some of them dead: the small form of `bench/scale.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { xmlOf } from "../fixtures/run_config.ts";
import { isDead, joinSwarm, startSwarm, swarmAddress } from "../fixtures/peers/swarm.ts";
import { realAnswers } from "../fixtures/peers/swarm_answers.ts";
import { freePort, momentOf, observeRun } from "../util/mod.ts";

const TESTERS = 100;
const DEAD_EVERY = 20;
const LASTS_MS = 1_000;
/** Of the controller; 1,000 testers may take 200, see bench/README.md. */
const MEMORY_MB = 200;
/** Of the controller's children together: none keeps whole histograms. */
const CHILDREN_MB = 150;
/** Dead testers are given up after 2.5 s; the rest is for a machine that is busy. */
const SET_UP_MS = 15_000;
const COLLECTED_MS = 15_000;

Deno.test(`${TESTERS} testers that tell all they can, every ${DEAD_EVERY}th dead: set up, collected, named`, async () => {
  using folder = TemporaryFolder.make();
  await using swarm = startSwarm({
    ...await realAnswers(20_000),
    lastsMs: LASTS_MS,
    deadEvery: DEAD_EVERY,
  });
  const clients = Array.from({ length: TESTERS }, (_, n) => ({ host: swarmAddress(n), port: swarm.port }));
  const args = "socktype=udp,bps=51.2M,samples=20000,warmup=0,cooldown=0";
  const config = folder.write("run.xml", xmlOf({ test: "latency", args, testPort: 9, clients, targets: [] }));
  const json = `${folder.path}/result.json`;
  const run = await observeRun(["run", config, "--json", json, "--require", "90%"]);
  const said = run.lines.map(({ text }) => text).join("\n");

  const document = parseDocument(await Deno.readTextFile(json));
  assert.equal(document.run.failed, undefined, said);
  document.clients.forEach((client, n) => {
    if (isDead(n, { deadEvery: DEAD_EVERY })) {
      assert.match(client.error ?? "", /no answer within 2.5 s/, client.host);
      assert.ok(said.includes(client.host), `${client.host} is not named on stderr`);
      return;
    }
    assert.equal(client.error, undefined, client.host);
    assert.ok(client.clock !== null && client.start !== null, client.host);
    assert.equal(typeof client.environment?.kernel, "string", client.host);
    assert.ok((client.latency?.response?.count ?? 0) > 10_000, client.host);
  });
  const alive = TESTERS - TESTERS / DEAD_EVERY;
  assert.equal(swarm.finished, alive);
  const counts = document.clients.flatMap((client) => client.latency?.response?.count ?? []);
  assert.equal(document.total.latency.response?.count, counts.reduce((sum, count) => sum + count, 0));
  // The first report comes at once, the others five times a second; the last may be on its way.
  assert.ok(swarm.reports >= alive * (LASTS_MS / 200 - 1), `${swarm.reports} reports`);
  assert.match(said, /^total .*done/m);

  const setUpMs = momentOf(run, "starting") - momentOf(run, "connecting");
  assert.ok(setUpMs <= SET_UP_MS, `set up in ${setUpMs} ms`);
  const collectedMs = run.endedMs - swarm.lastEndMs;
  assert.ok(collectedMs <= COLLECTED_MS, `collected in ${collectedMs} ms`);
  const { controller, children } = run.peakBytes;
  assert.ok(controller <= MEMORY_MB * 2 ** 20, `the controller took ${controller} bytes`);
  assert.ok(children > 0 && children <= CHILDREN_MB * 2 ** 20, `its children took ${children} bytes`);
});

/** More than a controller keeps in memory as a whole. */
const JOINING = 600;

Deno.test(`${JOINING} testers that dial in: all that they tell is in the document, and the sums are theirs`, async () => {
  using folder = TemporaryFolder.make();
  const secret = "sixteen bytes, or rather more of them", port = freePort();
  const file = folder.write("secret", secret);
  Deno.chmodSync(file, 0o600);
  await using swarm = await joinSwarm({ ...await realAnswers(20_000), lastsMs: LASTS_MS }, {
    ...{ port, testers: JOINING, secret },
  });
  const json = `${folder.path}/result.json`;
  const run = await observeRun([
    ...[
      "run",
      "--listen",
      `0.0.0.0:${port}`,
      "--expect",
      String(JOINING),
      "--wait",
      "100s",
      "--secret-file",
      file,
    ],
    ...["--json", json, "--test", "latency", "--test-target", "127.0.0.1"],
    ...["--test-args", "socktype=udp,bps=51.2M,samples=20000,warmup=0,cooldown=0"],
  ]);
  const said = run.lines.map(({ text }) => text).join("\n");
  const document = parseDocument(await Deno.readTextFile(json));
  assert.equal(document.run.failed, undefined, said);
  assert.equal(swarm.finished, JOINING);
  document.clients.forEach((client, n) => {
    assert.equal(client.host, `${n}@lab${n}`);
    assert.equal(client.error, undefined, client.host);
    assert.equal(typeof client.environment?.kernel, "string", client.host);
    assert.equal(typeof client.histograms?.response, "string", client.host);
    assert.ok(
      (client.series?.length ?? 0) > 0 && client.clock !== null && client.start !== null,
      client.host,
    );
  });
  const counts = document.clients.flatMap((client) => client.latency?.response?.count ?? []);
  assert.equal(document.total.latency.response?.count, counts.reduce((sum, count) => sum + count, 0));
  const readyMs = momentOf(run, "starting") - momentOf(run, "waiting");
  assert.ok(readyMs <= SET_UP_MS, `ready in ${readyMs} ms`);
  assert.ok(
    run.peakBytes.controller <= MEMORY_MB * 2 ** 20,
    `the controller took ${run.peakBytes.controller} bytes`,
  );
});
