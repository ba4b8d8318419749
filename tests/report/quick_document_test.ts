/** The document of a quick look, read again by what reads results. */
import assert from "node:assert/strict";
import type { ResultDocument } from "../../results/document/document.ts";
import { makeClassedDocument } from "../fixtures/classed_document.ts";
import { makeDocument } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { quickDocument } from "../fixtures/quick.ts";
import { runProgram } from "../util/mod.ts";

/** The documents of one look: an idle phase, and two loaded ones that differ in their direction. */
function look(seed: number): Record<string, ResultDocument> {
  const loaded = (direction: string) => {
    const document = makeClassedDocument({ seed });
    for (const client of document.clients) {
      if (client.class === "bulk") client.args += `,direction=${direction}`;
    }
    for (const each of document.classes!) if (each.name === "bulk") each.args += `,direction=${direction}`;
    return document;
  };
  return { idle: makeDocument({ seed, samples: 500 }), up: loaded("up"), down: loaded("down") };
}

const ipbench = (...args: string[]) => runProgram("ipbench", args, { env: { NO_COLOR: "1" } });

Deno.test("report, compare and csv read the phases of a quick look", async (t) => {
  using folder = TemporaryFolder.make();
  const [a, b] = [1, 50].map((seed, n) =>
    folder.write(`${"ab"[n]}.json`, JSON.stringify(quickDocument({ documents: look(seed) })))
  );
  await t.step("report", async () => {
    const { code, stderr } = await ipbench("report", a!, "-o", `${folder.path}/page.html`);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /3 document\(s\)/);
    const page = Deno.readTextFileSync(`${folder.path}/page.html`);
    for (const phase of ["idle", "TCP up", "TCP down"]) assert.ok(page.includes(`a.json, ${phase}`), phase);
  });
  await t.step("compare, with the phases told apart", async () => {
    const { code, stdout, stderr } = await ipbench("compare", a!, b!);
    assert.equal(code, 0, stderr);
    for (const direction of ["up", "down"]) {
      assert.match(stdout, new RegExp(`^\\| victim, .*bulk\\.direction ${direction} .*response p50`, "m"));
    }
    assert.doesNotMatch(stdout, /Only in/);
  });
  await t.step("csv", async () => {
    const { code, stdout } = await ipbench("csv", a!);
    assert.equal(code, 0);
    assert.match(stdout, /^victim,/m);
  });
});

Deno.test("a quick look whose phases are damaged, or that has none, is told", async () => {
  using folder = TemporaryFolder.make();
  const damaged = quickDocument({ documents: { idle: { format: "ipbench-result/1" } as ResultDocument } });
  const bad = folder.write("bad.json", JSON.stringify(damaged));
  const told = await ipbench("report", bad, "-o", `${folder.path}/page.html`);
  assert.notEqual(told.code, 0);
  assert.match(told.stderr, /bad\.json, idle/);
  const { documents: _, ...without } = quickDocument();
  const none = folder.write("none.json", JSON.stringify(without));
  const missing = await ipbench("report", none, "-o", `${folder.path}/page.html`);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /none\.json: it holds no result document/);
});
