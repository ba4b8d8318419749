import assert from "node:assert/strict";
import { TemporaryFolder } from "../tests/fixtures/folders.ts";
import { until } from "../tests/util/mod.ts";
import { feedPlace, FeedReceiver, FeedSender } from "./live_feed.ts";
import { LiveRun } from "./live_run.ts";
import { LiveRuns } from "./live_runs.ts";

Deno.test("states reach whoever listens, and a run that goes without a word is noticed", async () => {
  using folder = TemporaryFolder.make();
  const place = { folder: `${folder.path}/own`, path: `${folder.path}/own/serve.sock` };
  assert.equal(await FeedSender.open(place.path), null, "nobody listens yet");
  const runs = new LiveRuns();
  const receiver = await FeedReceiver.open(place, runs);
  const state = new LiveRun("one", 1000).state(2000), other = new LiveRun("two", 1000).state(2000);
  const sender = (await FeedSender.open(place.path))!;
  sender.send(state);
  await until("the state", 5_000, () => runs.get(state.id) !== null);
  await sender.end({ ...state, ended: { verdict: "VALID", reasons: [], figures: [] } });
  await until("the end", 5_000, () => runs.get(state.id)!.state.ended?.verdict === "VALID");
  const killed = (await FeedSender.open(place.path))!;
  killed.send(other);
  await until("the other one", 5_000, () => runs.get(other.id) !== null);
  killed.connection.close();
  await until("it is missed", 5_000, () => runs.get(other.id)!.state.ended?.verdict === "INVALID");
  await assert.rejects(FeedReceiver.open(place, runs), /another ipbench serve/);
  receiver.close();
  assert.equal(await FeedSender.open(place.path), null);
});

Deno.test("what is no state ends the connection, and a folder that others can enter is not used", async () => {
  using folder = TemporaryFolder.make();
  const place = { folder: `${folder.path}/own`, path: `${folder.path}/own/serve.sock` };
  const runs = new LiveRuns();
  const receiver = await FeedReceiver.open(place, runs);
  const connection = await Deno.connect({ transport: "unix", path: place.path });
  await connection.write(new TextEncoder().encode('{"id":"x"}\n'));
  assert.equal(await connection.read(new Uint8Array(8)), null);
  connection.close();
  assert.deepEqual(runs.list(), []);
  receiver.close();
  Deno.chmodSync(place.folder, 0o755);
  await assert.rejects(FeedReceiver.open(place, runs), /chmod 700/);
});

Deno.test("the socket is in the runtime folder, or below the home folder", () => {
  const of = (known: Record<string, string>) => feedPlace((name) => known[name] ?? "")?.path ?? null;
  assert.equal(of({ XDG_RUNTIME_DIR: "/run/user/1", HOME: "/home/a" }), "/run/user/1/ipbench/serve.sock");
  assert.equal(of({ HOME: "/home/a" }), "/home/a/.local/state/ipbench/serve.sock");
  assert.equal(of({ HOME: `/${"x".repeat(100)}` }), null);
  assert.equal(of({}), null);
});
