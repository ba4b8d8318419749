/**
 * What `search` and `rfc2544` leave: a table, a document, and the result documents of their trials in a folder.
 *
 * @module
 */

import { colourRegular } from "./terminal/colours.ts";
import type { ExitError } from "./exit.ts";
import { wrapWords } from "./terminal/text.ts";
import { out, print, widthOf } from "./terminal/io.ts";
import { makeFolder, Output } from "./result_files.ts";
import { LastSteps, type Unwritten } from "./unwritten.ts";

/**
 * Keeps trial documents in a folder, as long as it is not disposed of; `null` when none is asked for.
 *
 * @param unwritten Takes those for which there is no room.
 */
export async function keeperOf(folder: string | undefined, unwritten: Unwritten) {
  if (folder === undefined) return null;
  const { writeFileAtomic } = await import("../controller/store/atomic_file.ts");
  const pathOf = (name: string) => `${folder}/${name}`;
  const nameOf = (n: number) => `trial-${String(n).padStart(4, "0")}.json`;
  await makeFolder(folder);
  const held = await Output.open(pathOf(nameOf(1)));
  return {
    keep: async (n: number, document: unknown): Promise<string | null> => {
      const path = pathOf(nameOf(n));
      const kept = await unwritten.attempt(
        path,
        () => writeFileAtomic(path, JSON.stringify(document, null, 1) + "\n"),
      );
      // What an earlier search left under this name is no trial of this one.
      if (!kept) await Deno.remove(path).catch(() => {});
      return kept ? nameOf(n) : null;
    },
    [Symbol.asyncDispose]: async () => await held?.[Symbol.asyncDispose](),
  };
}

/** What the document of a search is called in the folder of its trials. */
export const SEARCH_FILE = "search.json";

/** Keeps the document of a search beside its trials, for `ipbench report DIR`. */
async function keepBeside(folder: string, document: unknown, unwritten: Unwritten): Promise<void> {
  const { writeFileAtomic } = await import("../controller/store/atomic_file.ts");
  const path = `${folder}/${SEARCH_FILE}`;
  await unwritten.attempt(path, () => writeFileAtomic(path, JSON.stringify(document, null, 1) + "\n"));
}

/**
 * Prints the table, first, and writes the document, if it is wanted, and beside the trials, if these are kept.
 *
 * @param document What was found.
 * @param tableOf Makes the table, no wider than so many columns.
 * @param json Where the document goes.
 * @param folder Of the trials.
 * @param unwritten Takes the document beside them, when there is no room for it.
 * @returns Why it could not be written; `null` when it was.
 */
export async function deliver<T>(
  document: T,
  tableOf: (document: T, width: number) => string,
  json: Output | null,
  folder: string | undefined,
  unwritten: Unwritten,
): Promise<ExitError | null> {
  const [stream, show] = json?.isStdout === true ? [Deno.stderr, print] : [Deno.stdout, out];
  const width = widthOf(stream);
  const steps = new LastSteps();
  await steps.take(() => show(colourRegular(stream, wrapWords(tableOf(document, width), width))));
  if (folder !== undefined) await keepBeside(folder, document, unwritten);
  await steps.take(() => json?.write(JSON.stringify(document, null, 1) + "\n"));
  return steps.problem;
}
