import assert from "node:assert/strict";
import { defaultRun, testsOf } from "../../config/run_description.ts";
import { newDocument } from "../outcome/run_document.ts";
import { asidePath, runIdOf } from "./journal.ts";
import { DocumentSaver, recoverDocument, saveDocument } from "./save.ts";

const DESCRIPTION = {
  ...defaultRun(
    "dummy",
    ["a", "b"].map((host) => ({ host, port: 8036, target: "t", targetPort: 7, args: "" })),
  ),
  targets: [{ host: "t", port: 8037, test: "dummy_target", args: "", controllerArgs: "" }],
};

async function inFolder(task: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-save-" });
  try {
    await task(`${folder}/result.json`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a run that dies leaves the parts that came in, even with the last line cut short", () =>
  inFolder(async (path) => {
    const document = newDocument(DESCRIPTION, 1n, new Date(0));
    const saver = new DocumentSaver(path);
    await saver.update(document);
    const counts = { sent: 3, ok: 3, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
    document.clients[1] = { ...document.clients[1]!, peer: "ipbenchd/1.0.0", counts };
    await saver.update(document);
    await Deno.writeTextFile(`${path}.journal`, '{"client":0,"part":{"ho', { append: true });

    const { document: found, complete } = await recoverDocument(path);
    assert.equal(complete, false);
    assert.equal(found.run.failed, true);
    assert.equal(found.run.verdict, "INVALID");
    assert.match(found.run.reasons.join(), /1 client\(s\) had not answered/);
    assert.equal(found.clients[0]?.peer, null);
    assert.equal(found.clients[1]?.counts?.ok, 3);
    assert.equal(found.total.counts?.sent, 3);
  }));

Deno.test("a document that is written in pieces is the text that JSON.stringify gives", () =>
  inFolder(async (path) => {
    const document = newDocument(DESCRIPTION, 3n, new Date(0));
    document.csv = 'a "quoted" text\nof two lines\n';
    document.run.reasons = [];
    document.clients[0] = { ...document.clients[0]!, error: "gone\n", metrics: [] };
    const parts = {
      empty: [],
      none: undefined,
      holes: [undefined, null, [1, { x: [] }]],
      nested: { deep: [{}] },
    };
    for (const each of [document, { ...document, ...parts }, { ...document, clients: [], targets: [] }]) {
      await saveDocument(path, each);
      assert.equal(await Deno.readTextFile(path), JSON.stringify(each, null, 2) + "\n");
    }
  }));

Deno.test("a finished run leaves its document and no journal", () =>
  inFolder(async (path) => {
    const document = newDocument(DESCRIPTION, 2n, new Date(0));
    const saver = new DocumentSaver(path);
    await saver.update(document);
    document.csv = "1,2,3\n";
    await saver.finish(document);
    const names = [...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].map((entry) => entry.name);
    assert.deepEqual(names, ["result.json"]);
    const { document: found, complete } = await recoverDocument(path);
    assert.equal(complete, true);
    assert.equal(found.csv, "1,2,3\n");
  }));

Deno.test("parts that come in together are written together, each once", () =>
  inFolder(async (path) => {
    const document = newDocument(DESCRIPTION, 3n, new Date(0));
    const saver = new DocumentSaver(path);
    await saver.update(document);
    const updates: Promise<void>[] = [];
    for (const index of [0, 1]) {
      document.clients[index] = { ...document.clients[index]!, peer: "x" };
      updates.push(saver.update(document));
    }
    await Promise.all(updates);
    await saver.update(document);
    const lines = (await Deno.readTextFile(`${path}.journal`)).split("\n");
    // Beside the room for the end, which is blank.
    assert.equal(lines.filter((line) => line.trim() !== "").length, 3);
    await saver.finish(document);
  }));

Deno.test("an update returns when its part is in the journal, however many others there are", () =>
  inFolder(async (path) => {
    const document = newDocument(DESCRIPTION, 3n, new Date(0));
    const saver = new DocumentSaver(path);
    await saver.update(document);
    const updates = Array.from({ length: 20 }, async (_, n) => {
      for (let turn = 0; turn < 3 * n; turn++) await Promise.resolve();
      if (n % 3 === 0) await new Promise((resolve) => setTimeout(resolve, n / 5));
      const mark = `part ${n},`;
      const { peer } = document.clients[n % 2]!;
      document.clients[n % 2] = { ...document.clients[n % 2]!, peer: `${peer ?? ""}${mark}` };
      await saver.update(document);
      assert.ok(Deno.readTextFileSync(`${path}.journal`).includes(mark), mark);
    });
    await Promise.all(updates);
    await saver.finish(document);
  }));

Deno.test("nothing to recover is said as such", () =>
  inFolder(async (path) => {
    await assert.rejects(recoverDocument(path), Deno.errors.NotFound);
  }));

/** What a run with this number leaves that dies with its first client's result in. */
async function leaveJournal(path: string, runId: bigint): Promise<void> {
  const document = newDocument(DESCRIPTION, runId, new Date(0));
  const saver = new DocumentSaver(path);
  await saver.update(document);
  document.clients[0] = { ...document.clients[0]!, peer: `run ${runId}` };
  await saver.update(document);
  saver.close();
}

function namesBeside(path: string): string[] {
  return [...Deno.readDirSync(path.replace(/\/[^/]*$/, ""))].map((entry) => entry.name).sort();
}

for (const way of ["updates", "finishes at once"] as const) {
  Deno.test(`what a run that died has left is kept when another one ${way}`, () =>
    inFolder(async (path) => {
      await leaveJournal(path, 0xdeadn);
      const told: string[] = [];
      const saver = new DocumentSaver(path, (sentence) => told.push(sentence));
      const document = newDocument(DESCRIPTION, 2n, new Date(0));
      if (way === "updates") await saver.update(document);
      await saver.finish(document);
      assert.deepEqual(namesBeside(path), ["result.000000000000dead.json.journal", "result.json"]);
      assert.equal(told.length, 1);
      assert.match(told[0]!, /"ipbench recover .*result\.000000000000dead\.json"/);
      const kept = await recoverDocument(asidePath(path, "000000000000dead"));
      assert.equal(kept.complete, false);
      assert.equal(kept.document.clients[0]?.peer, "run 57005");
    }));
}

Deno.test("a journal that was only not removed any more hides no document, and is in nobody's way", () =>
  inFolder(async (path) => {
    await leaveJournal(path, 1n);
    const whole = newDocument(DESCRIPTION, 1n, new Date(0));
    whole.csv = "whole\n";
    await saveDocument(path, whole);
    const found = await recoverDocument(path);
    assert.equal(found.complete, true);
    assert.equal(found.document.csv, "whole\n");
    const next = new DocumentSaver(path, (sentence) => assert.fail(sentence));
    await next.finish(newDocument(DESCRIPTION, 2n, new Date(0)));
    assert.deepEqual(namesBeside(path), ["result.json"]);
  }));

Deno.test("a later run's journal goes before an earlier run's document; one without a number is written over", () =>
  inFolder(async (path) => {
    await saveDocument(path, newDocument(DESCRIPTION, 1n, new Date(0)));
    await leaveJournal(path, 2n);
    const { document, complete } = await recoverDocument(path);
    assert.equal(complete, false);
    assert.equal(document.run.id, "0000000000000002");
    assert.equal(await runIdOf(path), "0000000000000001");

    await Deno.writeTextFile(`${path}.journal`, '{"format":"ipb');
    await new DocumentSaver(path).finish(newDocument(DESCRIPTION, 3n, new Date(0)));
    assert.deepEqual(namesBeside(path), ["result.json"]);
    assert.equal(await runIdOf(`${path}.journal`), null);
  }));

Deno.test("a run that died before anything came in leaves nothing to keep", () =>
  inFolder(async (path) => {
    await saveDocument(path, newDocument(DESCRIPTION, 1n, new Date(0)));
    const saver = new DocumentSaver(path);
    await saver.update(newDocument(DESCRIPTION, 2n, new Date(0)));
    saver.close();
    const { document, complete, came } = await recoverDocument(path);
    assert.deepEqual([document.run.id, complete, came], ["0000000000000002", false, false]);
    const next = new DocumentSaver(path, (sentence) => assert.fail(sentence));
    await next.finish(newDocument(DESCRIPTION, 3n, new Date(0)));
    assert.deepEqual(namesBeside(path), ["result.json"]);
    assert.equal(await runIdOf(path), "0000000000000003");
  }));

Deno.test("what becomes known later is added to a part, and what is in the journal is not written again", () =>
  inFolder(async (path) => {
    const document = newDocument(DESCRIPTION, 1n, new Date(0));
    const saver = new DocumentSaver(path);
    await saver.update(document);
    document.clients[0] = { ...document.clients[0]!, peer: "x", args: "long".repeat(1000) };
    await saver.update(document);
    const before = (await Deno.stat(`${path}.journal`)).size;
    const clock = {
      offset_ns: 1,
      error_ns: 2,
      round_trip_ns: 3,
      probes: 4,
      drift_ppm: null,
      drift_error_ppm: null,
    };
    document.clients[0] = { ...document.clients[0]!, clock };
    await saver.update(document);
    saver.close();
    assert.ok((await Deno.stat(`${path}.journal`)).size - before < 300);
    const { document: found } = await recoverDocument(path);
    assert.deepEqual([found.clients[0]?.peer, found.clients[0]?.clock], ["x", clock]);
  }));

Deno.test("of a run of several tests what came in is summed up class by class", () =>
  inFolder(async (path) => {
    const [first, second] = DESCRIPTION.clients;
    const description = {
      ...DESCRIPTION,
      clients: [{ ...first!, class: "victim" }, { ...second!, class: "bulk" }],
      classes: ["victim", "bulk"].map((name, n) => ({ ...testsOf(DESCRIPTION)[0]!, name, beginSeconds: n })),
    };
    const document = newDocument(description, 1n, new Date(0));
    const saver = new DocumentSaver(path);
    await saver.update(document);
    const counts = { sent: 3, ok: 3, lost: 0, late: 0, corrupt: 0, duplicate: 0, reordered: 0 };
    document.clients[1] = { ...document.clients[1]!, peer: "ipbenchd/1.0.0", counts };
    await saver.update(document);
    const { document: died } = await recoverDocument(path);
    assert.deepEqual(died.classes?.map((part) => part.counts?.sent ?? null), [null, 3]);
    assert.equal(died.total.counts, null, "total is the first class's");
    assert.equal(died.run.verdict, "INVALID");

    // A run that ended, and whose document could not be written: verdicts and rows are in the journal.
    Object.assign(document.classes![1]!, { csv: "1,2\n", verdict: "SUSPECT", reasons: ["late"] });
    await Deno.mkdir(path);
    await assert.rejects(saver.finish(document));
    await Deno.remove(path);
    const { document: ended, complete } = await recoverDocument(path);
    assert.equal(complete, false);
    const { csv, verdict, reasons, counts: found } = ended.classes![1]!;
    assert.deepEqual({ csv, verdict, reasons, sent: found?.sent }, {
      csv: "1,2\n",
      verdict: "SUSPECT",
      reasons: ["late"],
      sent: 3,
    });
  }));
