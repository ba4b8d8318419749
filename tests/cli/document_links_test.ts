/** Links between the project's own pages lead somewhere. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { projectRoot } from "../util/mod.ts";

/** All Markdown pages of the project, bounded by the folders that hold some. */
function* pages(): Generator<string> {
  for (const folder of [".", "docs", "docs/decisions", "examples", "bench"]) {
    for (const { name, isFile } of Deno.readDirSync(join(projectRoot(), folder))) {
      if (isFile && name.endsWith(".md")) yield join(projectRoot(), folder, name);
    }
  }
}

Deno.test("links and named pages are there", () => {
  const broken: string[] = [];
  for (const page of pages()) {
    const text = Deno.readTextFileSync(page);
    const links = Array.from(
      text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g),
      (match) => join(dirname(page), match[1] ?? ""),
    );
    const named = Array.from(
      text.matchAll(
        /`((?:docs|config|cli|controller|daemon|ffi|protocol|results|tests)\/[\w/.-]+\.(?:md|ts|c|h))`/g,
      ),
      (match) => join(projectRoot(), match[1] ?? ""),
    );
    for (const path of [...links, ...named]) {
      try {
        Deno.statSync(path);
      } catch {
        broken.push(`${page.slice(projectRoot().length + 1)}: ${path.slice(projectRoot().length + 1)}`);
      }
    }
  }
  assert.deepEqual(broken, []);
});
