import assert from "node:assert/strict";
import { makeDocument } from "../../tests/fixtures/documents.ts";
import { TemporaryFolder } from "../../tests/fixtures/folders.ts";
import { quickDocument } from "../../tests/fixtures/quick.ts";
import { until } from "../../tests/util/mod.ts";
import { documentFiles } from "../read_documents.ts";
import { FolderResults } from "./served_results.ts";

const ALL = { words: [], labels: {}, limit: 100, offset: 0 };

async function namesIn(paths: readonly string[]): Promise<string[]> {
  return (await new FolderResults(paths).list(ALL)).runs.map(({ name }) => name).sort();
}

function documentOf(id: string) {
  const document = makeDocument({ samples: 20, intervals: 2 });
  document.run.id = id;
  return document;
}

Deno.test("folders in a folder are looked through, hidden ones are not", async () => {
  using folder = TemporaryFolder.make();
  folder.write("a.json", documentOf("1"));
  folder.write("day1/night/b.json", documentOf("2"));
  folder.write("day1/points/c.json", documentOf("3"));
  folder.write(".cache/d.json", documentOf("4"));
  folder.write("1/2/3/4/5/e.json", documentOf("5"));
  assert.deepEqual(await namesIn([folder.path]), ["a.json", "day1/night/b.json", "day1/points/c.json"]);
});

Deno.test("so many folders are looked through, and no more", async () => {
  using folder = TemporaryFolder.make();
  for (const name of ["a/b/1", "a/2", "c/3", "4"]) folder.write(`${name}.json`, "{}");
  const found = async (limit: number) =>
    (await Array.fromAsync(documentFiles([folder.path], limit))).map(({ label }) => label);
  assert.deepEqual(await found(4), ["4.json", "a/2.json", "a/b/1.json", "c/3.json"]);
  assert.deepEqual(await found(3), ["4.json", "a/2.json", "a/b/1.json"]);
  assert.deepEqual(await found(1), ["4.json"]);
});

Deno.test("what is damaged, or none of ours, is not listed and harms nothing else", async () => {
  using folder = TemporaryFolder.make();
  const good = JSON.stringify(quickDocument());
  for (
    const [n, text] of [
      "",
      "[]",
      "{}",
      good.slice(0, -100),
      good.replace("phases", "stages"),
      '{"format":"ipbench-mesh/1","hosts":[],"pairs":7}',
      '{"format":"ipbench-search/1","search":{"id":"../../etc/passwd","started":"x","ended":"x"},"goals":[],"load":{},"test":{},"ipbench":{}}',
      '{"format":"ipbench-rfc2544/1","run":{"id":7}}',
      '{"format":"ipbench-sweep/1","points":[]}',
      '{"event":"begin","run":"5"}\n{"event":"phase"}\n',
    ].entries()
  ) folder.write(`${n}.json`, text);
  folder.write("good.json", good);
  assert.deepEqual(await namesIn([folder.path, `${folder.path}/absent.json`]), ["good.json (quick look)"]);
});

Deno.test("links that lead round in a circle, pipes and what cannot be read hold nothing up", async () => {
  using folder = TemporaryFolder.make();
  folder.write("day/a.json", documentOf("1"));
  const secret = folder.write("day/closed/b.json", documentOf("2"));
  await Deno.chmod(secret, 0);
  await Deno.symlink(folder.path, `${folder.path}/day/round`);
  await Deno.symlink(`${folder.path}/day/a.json`, `${folder.path}/linked.json`);
  await Deno.symlink("nothing", `${folder.path}/dangling.json`);
  const { success } = await new Deno.Command("mkfifo", { args: [`${folder.path}/pipe.json`] }).output();
  assert.ok(success);
  const isRoot = Deno.uid() === 0;
  assert.deepEqual(await namesIn([folder.path, `${folder.path}/pipe.json`]), [
    "day/a.json",
    ...isRoot ? ["day/closed/b.json"] : [],
  ]);
});

Deno.test("a list keeps nothing of the texts that it was made from", async () => {
  using folder = TemporaryFolder.make();
  const line = JSON.stringify({ event: "console", text: "x".repeat(12e6) });
  for (let n = 0; n < 12; n++) {
    const result = JSON.stringify({ event: "result", ...documentOf(`a-run-with-a-long-number-${n}`) });
    folder.write(`${n}.json`, `{"event":"begin","run":"5"}\n${line}\n${result}\n`);
  }
  const before = Deno.memoryUsage().heapUsed;
  const results = new FolderResults([folder.path]);
  assert.equal((await results.list(ALL)).count, 12);
  await until("144 MB of texts are gone", 20_000, () => {
    // Garbage is collected when more of it is made.
    const garbage = Array.from({ length: 1_000_000 }, (_, n) => [n]);
    return garbage.length > 0 && Deno.memoryUsage().heapUsed - before < 100e6;
  });
  assert.equal((await results.list(ALL)).count, 12);
});

Deno.test("the address of a run shows no other run that has come into its file since the list was made", async () => {
  using folder = TemporaryFolder.make();
  const path = folder.write("result.json", documentOf("old"));
  folder.write("gone/look.json", quickDocument());
  const results = new FolderResults([folder.path]);
  const look = (await results.list(ALL)).runs.find(({ name }) => name.startsWith("gone/"))!.id;
  folder.write("result.json", documentOf("newer"));
  assert.deepEqual([await results.has("old"), await results.read("old")], [false, null]);
  assert.equal((await results.read("newer"))?.document.run.id, "newer");
  await Deno.rename(path, `${folder.path}/moved.json`);
  assert.equal((await results.read("newer"))?.file, "moved.json");
  assert.notEqual(await results.page(look), null);
  await Deno.remove(`${folder.path}/gone`, { recursive: true });
  assert.deepEqual([await results.page(look), await results.has(look)], [null, false]);
});

Deno.test("a document that has changed is read again", async () => {
  using folder = TemporaryFolder.make();
  const results = new FolderResults([folder.write("look.json", quickDocument())]);
  const [before] = (await results.list(ALL)).runs;
  folder.write("look.json", quickDocument({ verdict: "INVALID", host: "another.example" }));
  const [after] = (await results.list(ALL)).runs;
  assert.deepEqual([before!.verdict, after!.verdict], ["VALID", "INVALID"]);
  assert.match((await results.page(after!.id))!, /another\.example/);
  assert.equal(await results.page(before!.id), null);
  assert.equal(await results.read(after!.id), null, "it is no single run");
});
