/**
 * Daemons that dial in, with the built programs: who is there, who is missing, who may, and what becomes of those that are
 * lost.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { freePort, hasOpenssl, JoinedDaemon, makeCertificates, runProgram } from "../util/mod.ts";

const SECRET = "sixteen bytes, or rather more of them";

/** Runs the dummy test with those who dial in at a port. */
async function runAt(
  port: number,
  folder: TemporaryFolder,
  args: readonly string[],
): Promise<{ code: number; stderr: string; document: ResultDocument | null }> {
  const json = `${folder.path}/result.json`;
  const test = ["--test", "dummy", "--test-args", "seconds=0.5"];
  const { code, stderr } = await runProgram("ipbench", [
    ...["run", "--listen", `127.0.0.1:${port}`, ...test, "--json", json, ...args],
  ]);
  const text = await Deno.readTextFile(json).catch(() => null);
  return { code, stderr, document: text === null ? null : parseDocument(text) };
}

/** A file with a secret. */
function secretIn(folder: TemporaryFolder, name = "secret", text = SECRET): string {
  const path = folder.write(name, text);
  Deno.chmodSync(path, 0o600);
  return path;
}

Deno.test("testers and a target dial in, prove the secret, and end after one run", async () => {
  using folder = TemporaryFolder.make();
  const port = freePort(), secret = secretIn(folder);
  const place = `127.0.0.1:${port}`;
  const own = ["--once", "--secret-file", secret];
  await using first = new JoinedDaemon(place, [...own, "--index", "1"]);
  await using second = new JoinedDaemon(place, own, { JOB_COMPLETION_INDEX: "0" });
  await using target = new JoinedDaemon(place, [...own, "--target"]);
  const { code, stderr, document } = await runAt(port, folder, [
    ...["--expect", "2", "--expect-targets", "1", "--target-test", "cpu_target", "--secret-file", secret],
  ]);
  assert.equal(code, 0, stderr);
  const name = Deno.hostname().replace(/[^A-Za-z0-9._-]+/g, "-");
  assert.deepEqual(document?.clients.map(({ host }) => host), [`0@${name}`, `1@${name}`]);
  assert.deepEqual(document?.targets.map(({ host }) => host), [`0@${name}`]);
  for (const part of [...document?.clients ?? [], ...document?.targets ?? []]) {
    assert.equal(part.error, undefined);
    assert.equal(typeof part.environment?.kernel, "string", part.host);
    assert.equal(part.peer, "ipbenchd/1.0.0");
  }
  // Live progress and the clocks go over conversations of their own.
  for (const { clock, start } of document?.clients ?? []) assert.ok(clock !== null && start !== null);
  for (const daemon of [first, second, target]) {
    assert.equal(await daemon.end(10_000), 0, daemon.log.join(" | "));
  }
});

Deno.test("who is missing is named by index; with --require the others go on", async () => {
  using folder = TemporaryFolder.make();
  const port = freePort();
  const place = `127.0.0.1:${port}`;
  await using _zero = new JoinedDaemon(place, ["--index", "0"]);
  await using _two = new JoinedDaemon(place, ["--index", "2"]);
  const all = await runAt(port, folder, ["--expect", "6", "--wait", "4s"]);
  assert.equal(all.code, 1);
  assert.match(all.stderr, /not there after 4 s: 4 of 6 testers: 1, 3-5; --wait waits longer/);
  const some = await runAt(port, folder, ["--expect", "3", "--require", "60%"]);
  assert.equal(some.code, 0, some.stderr);
  assert.match(some.stderr, /warning: not there after \d+ s: 1 of 3 testers: 1/);
  assert.match(some.document?.clients[1]?.error ?? "", /client 1@\?:\d+: connect: it has not dialled in/);
  assert.deepEqual(some.document?.clients.map(({ error }) => error === undefined), [true, false, true]);
});

Deno.test("the secret is proved both ways, and TLS goes beneath it", { ignore: !hasOpenssl() }, async (t) => {
  using folder = TemporaryFolder.make();
  await makeCertificates(folder.path);
  const secret = secretIn(folder), other = secretIn(folder, "other", `${SECRET}!`);
  await t.step("a daemon with another secret, or none, is refused, and ends with --once", async () => {
    const port = freePort(), place = `127.0.0.1:${port}`;
    await using wrong = new JoinedDaemon(place, ["--once", "--secret-file", other]);
    await using none = new JoinedDaemon(place, ["--once"]);
    const { code, stderr } = await runAt(port, folder, [
      "--expect",
      "1",
      "--wait",
      "4s",
      "--secret-file",
      secret,
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /was refused: the secret is not the one of this run/);
    assert.match(stderr, /was refused: this run asks for a secret: start ipbenchd with --secret-file/);
    assert.match(stderr, /1 of 1 testers: 0/);
    for (const daemon of [wrong, none]) assert.equal(await daemon.end(10_000), 1, daemon.log.join(" | "));
  });
  await t.step("a daemon with a secret does not serve a controller without one", async () => {
    const port = freePort();
    await using daemon = new JoinedDaemon(`127.0.0.1:${port}`, ["--secret-file", secret]);
    const { code } = await runAt(port, folder, ["--expect", "1", "--wait", "4s"]);
    assert.equal(code, 1);
    assert.match(daemon.log.join("\n"), /the controller has no secret/);
  });
  await t.step("over TLS", async () => {
    const port = freePort();
    const args = ["--once", "--secret-file", secret, "--tls-ca", `${folder.path}/ca.pem`];
    await using daemon = new JoinedDaemon(`localhost:${port}`, args);
    const { code, stderr } = await runAt(port, folder, [
      ...["--expect", "1", "--secret-file", secret],
      ...["--tls-cert", `${folder.path}/cert.pem`, "--tls-key", `${folder.path}/key.pem`],
    ]);
    assert.equal(code, 0, `${stderr} ${daemon.log.join(" | ")}`);
    assert.equal(await daemon.end(10_000), 0);
  });
});
