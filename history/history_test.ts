import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { type FixtureOptions, makeDocument } from "../tests/fixtures/documents.ts";
import { TemporaryFolder } from "../tests/fixtures/folders.ts";
import { History, HistoryError, historyRun, type RunFacts } from "./mod.ts";

function run(options: FixtureOptions, facts: RunFacts = {}) {
  return historyRun(makeDocument({ samples: 200, intervals: 2, ...options }), facts);
}

Deno.test("what is put in comes out: runs newest first, series, figures, the document word for word", () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/h.sqlite`;
  const document = makeDocument({ samples: 200, intervals: 2, seed: 9, at: 60 });
  {
    using history = History.open(path, "write");
    assert.equal(history.add(run({ seed: 1 })), true);
    assert.equal(history.add(run({ seed: 2, at: 30, bps: 50e6 })), true);
    const commit = { id: "c".repeat(40), tag: "v2", dirty: true };
    assert.equal(history.add(historyRun(document, { labels: { board: "tx2" }, commit })), true);
    assert.equal(history.add(historyRun(document, {})), false, "a second time");
    history.verify();
  }
  using history = History.open(path, "read");
  const runs = history.list();
  assert.equal(runs.length, 3);
  assert.deepEqual(
    { ...runs[0], series: runs[0]!.series.length },
    {
      id: document.run.id,
      kind: "run",
      test: "latency",
      started: document.run.started,
      ended: document.run.ended,
      verdict: document.run.verdict,
      failed: false,
      version: "1.0.0",
      batch: null,
      commit: "c".repeat(40),
      tag: "v2",
      dirty: true,
      note: null,
      labels: { board: "tx2" },
      series: 1,
    },
  );
  assert.equal(history.document(document.run.id), JSON.stringify(document));
  assert.equal(history.document("none"), null);
  const series = history.series();
  assert.deepEqual(series.map((each) => [each.loadBps, each.runs]), [[50e6, 1], [100e6, 2]]);
  assert.equal(series[0]!.family, series[1]!.family);
  const inOrder = history.runsOf(series[1]!.id);
  assert.deepEqual(inOrder.map((each) => each.started), [runs[2]!.started, runs[0]!.started]);
  assert.equal(inOrder[1]!.figures["p99"], document.total.latency.response!.p99_ns);
  assert.equal(history.metrics().get("p99")?.unit, "ns");
});

Deno.test("a changed machine begins a new series; a target's kernel does not", () => {
  using folder = TemporaryFolder.make();
  using history = History.open(`${folder.path}/h.sqlite`, "write");
  const document = makeDocument({ samples: 200, intervals: 2 });
  const variants: [string, (copy: typeof document) => void][] = [
    ["0", () => {}],
    ["1", ({ targets }) => Object.assign(targets[0]!.environment!, { kernel: "7.0" })],
    ["2", ({ targets }) => Object.assign(targets[0]!.environment!, { hostname: "other" })],
    ["3", ({ clients }) => Object.assign(clients[0]!.environment!, { kernel: "7.0" })],
    ["4", ({ clients }) => clients.forEach((client) => client.args += ",seed=5,cpu=1")],
    ["5", ({ clients }) => clients.forEach((client) => client.args += ",rt=5")],
  ];
  const ids = variants.map(([id, change]) => {
    const copy = structuredClone(document);
    copy.run.id = id;
    change(copy);
    history.add(historyRun(copy, {}));
    return history.list({ id })[0]!.series[0];
  });
  assert.equal(ids[1], ids[0], "the target's kernel");
  assert.notEqual(ids[2], ids[0], "another target");
  assert.notEqual(ids[3], ids[0], "the tester's kernel");
  assert.equal(ids[4], ids[0], "places on the tester");
  assert.notEqual(ids[5], ids[0], "another argument");
});

Deno.test("lists are narrowed by number, label, test, text and series", () => {
  using folder = TemporaryFolder.make();
  using history = History.open(`${folder.path}/h.sqlite`, "write");
  for (let seed = 1; seed <= 5; seed++) {
    history.add(run({ seed, at: seed }, { labels: { board: seed % 2 ? "odd_" : "even" } }));
  }
  const all = history.list();
  assert.equal(history.list({ id: all[2]!.id.slice(0, -1) }).length, 1);
  assert.equal(history.list({ labels: { board: "odd_" } }).length, 3);
  assert.equal(history.list({ text: "dd_" }).length, 3);
  assert.equal(history.list({ text: "d%" }).length, 0, "% is no wildcard");
  assert.equal(history.list({ test: "http" }).length, 0);
  assert.equal(history.list({ series: all[0]!.series[0] }).length, 5);
  assert.deepEqual(history.list({ limit: 2, offset: 1 }).map(({ id }) => id), [all[1]!.id, all[2]!.id]);
  assert.equal(history.count({ labels: { board: "even" } }), 2);
});

Deno.test("what is newer, something else or damaged is refused with a sentence", () => {
  using folder = TemporaryFolder.make();
  const refused = (path: string, code: string, sentence: RegExp) => {
    for (const mode of ["read", "write"] as const) {
      assert.throws(() => History.open(path, mode), (error) => {
        assert.ok(error instanceof HistoryError);
        assert.equal(error.code, code);
        assert.match(error.message, sentence);
        return true;
      });
    }
  };
  const newer = `${folder.path}/newer.sqlite`;
  History.open(newer, "write")[Symbol.dispose]();
  const database = new DatabaseSync(newer);
  database.exec("PRAGMA user_version = 99");
  database.close();
  refused(newer, "newer", /written by a newer ipbench \(format 99; .*name another file with --history/);
  const other = `${folder.path}/other.sqlite`;
  const foreign = new DatabaseSync(other);
  foreign.exec("CREATE TABLE t (a)");
  foreign.close();
  refused(other, "foreign", /is no history of ipbench/);
  refused(
    folder.write("text.sqlite", "no database at all, ".repeat(100)),
    "foreign",
    /no history of ipbench/,
  );
  assert.throws(() => History.open(`${folder.path}/absent`, "read"), /cannot be opened/);
  refused(folder.path, "foreign", /is a folder; name a file/);
  const empty = folder.write("empty.sqlite", "");
  assert.throws(
    () => History.open(empty, "read"),
    (error) =>
      error instanceof HistoryError && error.code === "absent" &&
      /there is no history in/.test(error.message),
  );
  History.open(empty, "write")[Symbol.dispose]();
  History.open(empty, "read")[Symbol.dispose]();
});

/** The beginnings of the SHA-256 of the documents of `history_v1.sqlite.gz`, the newest first. */
const OLD_DOCUMENTS = ["82539c15261ddf1c", "c8b6cd36365fddd1", "e5a29b141ce8a1ad"];

Deno.test("a file of the first format is read as it is, and brought up to date by who writes", () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/h.sqlite`;
  const packed = Deno.readFileSync(new URL("../tests/fixtures/history_v1.sqlite.gz", import.meta.url));
  Deno.writeFileSync(path, new Uint8Array(gunzipSync(packed)));
  const check = (history: History) => {
    const runs = history.list().slice(-3);
    const digests = runs.map(({ id }) => createHash("sha256").update(history.document(id)!).digest("hex"));
    assert.deepEqual(digests.map((digest) => digest.slice(0, 16)), OLD_DOCUMENTS);
    assert.deepEqual(runs.map(({ note }) => note), ["a note", null, null]);
    assert.deepEqual(runs.map(({ labels }) => labels["board"]), ["b3", "b2", "b1"]);
    assert.equal(history.acks()[0]?.reason, "wanted");
    assert.equal(history.runsOf(history.series()[0]!.id).length, history.count());
  };
  {
    using history = History.open(path, "read");
    check(history);
  }
  const added = run({ seed: 4, at: 240, clients: 1 });
  {
    using history = History.open(path, "write");
    check(history);
    assert.equal(history.add(added), true);
    history.verify();
  }
  using history = History.open(path, "read");
  check(history);
  assert.equal(history.document(added.id), added.text);
});

Deno.test("documents that share a base outlive each other, and a base goes with the last of them", () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/h.sqlite`;
  const bases = () => {
    using database = new DatabaseSync(path, { readOnly: true });
    return database.prepare("SELECT count(*) AS n FROM bases").get()!["n"];
  };
  const runs = [1, 2, 3].map((seed) => run({ seed, at: 60 * seed }));
  using history = History.open(path, "write");
  for (const each of runs) history.add(each);
  assert.equal(bases(), 1);
  assert.equal(history.prune(runs[2]!.started, false), 2);
  assert.equal(history.document(runs[2]!.id), runs[2]!.text);
  assert.equal(history.prune("2027-01-01T00:00:00.000Z", true), 1);
  assert.deepEqual([history.document(runs[2]!.id), bases()], [null, 0]);
  const later = run({ seed: 4, at: 600 });
  history.add(later);
  assert.equal(history.document(later.id), later.text);
});

Deno.test("a damaged document is told, and is no other one", () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/h.sqlite`;
  const { id } = run({ seed: 1 });
  {
    using history = History.open(path, "write");
    history.add(run({ seed: 1 }));
  }
  {
    using database = new DatabaseSync(path);
    database.exec("UPDATE documents SET body = substr(body, 1, length(body) / 2)");
  }
  using history = History.open(path, "read");
  assert.throws(() => history.document(id), /the document of the run .* in the history .* is damaged/);
});

Deno.test("a damaged page is found", () => {
  using folder = TemporaryFolder.make();
  const path = `${folder.path}/h.sqlite`;
  {
    using history = History.open(path, "write");
    for (let seed = 1; seed <= 20; seed++) history.add(run({ seed, at: seed }));
  }
  const bytes = Deno.readFileSync(path);
  // A page in the middle, of 4096 bytes, becomes noise.
  bytes.fill(0x5a, 4096 * 8, 4096 * 9);
  Deno.writeFileSync(path, bytes);
  assert.throws(() => {
    using history = History.open(path, "read");
    history.verify();
  }, /is damaged/);
});
