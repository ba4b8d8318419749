/**
 * Checks that what a product file exports is used: by another file, and not by tests alone. Types are left out: they
 * belong to the signatures of what is exported.
 *
 * @module
 */

import { sourcesBelow } from "./lib/sources.ts";

const EXPORTED = /^export (?:async )?(?:abstract )?(?:function\*?|class|const|let) (\w+)/gm;

/** Programs' entry points, and the library's door, are used from outside. */
const DOORS = /^(mod\.ts|.*\/mod\.ts|cli\/main\.ts|daemon\/main\.ts|ffi\/child\/main\.ts)$/;

function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.startsWith("tests/");
}

/**
 * Checks every source.
 *
 * @param folders those of the product
 * @param others those whose files may use exports as well: tests, scripts, benchmarks
 * @returns what is wrong
 */
export async function checkExports(folders: readonly string[], others: readonly string[]): Promise<string[]> {
  const texts = new Map<string, string>();
  for (const folder of [...folders, ...others]) {
    for await (const { path, text } of sourcesBelow(folder)) texts.set(path, text);
  }
  /** Files by the words in them. */
  const users = new Map<string, Set<string>>();
  for (const [path, text] of texts) {
    for (const [word] of text.matchAll(/\w+/g)) {
      const known = users.get(word);
      if (known === undefined) users.set(word, new Set([path]));
      else known.add(path);
    }
  }
  const problems: string[] = [];
  for (const [path, text] of texts) {
    if (isTest(path) || DOORS.test(path) || !folders.includes(path.split("/")[0]!)) continue;
    for (const [, name] of text.matchAll(EXPORTED)) {
      const elsewhere = [...users.get(name!)!].filter((user) => user !== path);
      const here = [...text.matchAll(new RegExp(`\\b${name}\\b`, "g"))].length > 1;
      if (elsewhere.length === 0) problems.push(`${path}: ${name} is exported, and no other file uses it`);
      else if (!here && elsewhere.every(isTest)) problems.push(`${path}: tests alone use ${name}`);
    }
  }
  return problems;
}
