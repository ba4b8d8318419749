/**
 * The project's own files.
 *
 * @module
 */

import { ROOT } from "./steps.ts";

/** A source file. */
export interface SourceText {
  /** From the project's root. */
  path: string;
  text: string;
}

/** Folders with TypeScript that is part of the product. */
export const PRODUCT = [
  "base",
  "protocol",
  "config",
  "ffi",
  "results",
  "history",
  "controller",
  "daemon",
  "serve",
  "cli",
];
/** Other folders with TypeScript. */
export const AROUND = ["scripts", "tests", "bench"];

/** What a build makes or fetches, and what belongs to git. */
const NOT_OURS = new Set([".git", ".tools", "build", "dist", "node_modules"]);

/** @returns All TypeScript of the project. */
export async function readSources(): Promise<SourceText[]> {
  const sources = [{ path: "mod.ts", text: await Deno.readTextFile(ROOT + "mod.ts") }];
  for (const folder of [...PRODUCT, ...AROUND]) {
    for (const path of await filesBelow(folder)) {
      if (path.endsWith(".ts")) sources.push({ path, text: await Deno.readTextFile(ROOT + path) });
    }
  }
  return sources;
}

/**
 * Lists the files of a folder and those below it.
 *
 * @param folder Its path from the project's root; "" for the whole project.
 * @returns Paths from the root.
 */
export async function filesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if (!isDirectory) paths.push(path);
    else if (!NOT_OURS.has(name)) paths.push(...await filesBelow(path));
  }
  return paths;
}

/**
 * @param path A file's path from the root.
 * @returns Whether it is there for tests alone.
 */
export function isTest(path: string): boolean {
  return path.endsWith("_test.ts") || path.startsWith("tests/");
}
