/**
 * Checks that what a product file exports is used: by another file, and not by tests alone. Types are left out: they
 * belong to the signatures of what is exported.
 *
 * @module
 */

import { isTest, PRODUCT, type SourceText } from "./lib/sources.ts";

const EXPORTED = /^export (?:async )?(?:abstract )?(?:function\*?|class|const|let) (\w+)/gm;

/** Programs' entry points, and the library's door, are used from outside. */
const DOORS = /^(mod\.ts|.*\/mod\.ts|cli\/main\.ts|daemon\/main\.ts|ffi\/child\/main\.ts)$/;

/**
 * Checks every source of the product.
 *
 * @param sources Those of the product, and those that may use what it exports: tests, scripts, benchmarks.
 * @returns What is wrong.
 */
export function checkExports(sources: readonly SourceText[]): string[] {
  /** Files by the words in them. */
  const users = new Map<string, Set<string>>();
  for (const { path, text } of sources) {
    for (const [word] of text.matchAll(/\w+/g)) {
      const known = users.get(word);
      if (known === undefined) users.set(word, new Set([path]));
      else known.add(path);
    }
  }
  const problems: string[] = [];
  for (const { path, text } of sources) {
    if (isTest(path) || DOORS.test(path) || !PRODUCT.includes(path.split("/")[0]!)) continue;
    for (const [, name] of text.matchAll(EXPORTED)) {
      const elsewhere = [...users.get(name!)!].filter((user) => user !== path);
      const here = [...text.matchAll(new RegExp(`\\b${name}\\b`, "g"))].length > 1;
      if (elsewhere.length === 0) problems.push(`${path}: ${name} is exported, and no other file uses it`);
      else if (!here && elsewhere.every(isTest)) problems.push(`${path}: tests alone use ${name}`);
    }
  }
  return problems;
}
