import assert from "node:assert/strict";
import type { RunDescription } from "../config/run_description.ts";
import { newDocument } from "./run_document.ts";
import { DocumentSaver, recoverDocument } from "./save.ts";

const DESCRIPTION: RunDescription = {
  test: "dummy",
  controllerArgs: "",
  clients: ["a", "b"].map((host) => ({ host, port: 8036, target: "t", targetPort: 7, args: "" })),
  targets: [{ host: "t", port: 8037, test: "dummy_target", args: "", controllerArgs: "" }],
  reset: false,
  debug: false,
  timeoutSeconds: null,
  require: "all",
  pluginDirs: [],
  secretFile: null,
  tls: null,
  untilCi: null,
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
    const lines = (await Deno.readTextFile(`${path}.journal`)).trimEnd().split("\n");
    assert.equal(lines.length, 3);
    await saver.finish(document);
  }));

Deno.test("nothing to recover is said as such", () =>
  inFolder(async (path) => {
    await assert.rejects(recoverDocument(path), Deno.errors.NotFound);
  }));
