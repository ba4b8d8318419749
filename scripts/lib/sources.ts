/**
 * The project's own TypeScript.
 *
 * @module
 */

import { ROOT } from "./steps.ts";

/**
 * Files of a folder and those below it.
 *
 * @param folder its path from the project's root, or that of one file
 * @returns paths from the root, and what is in them
 */
export async function* sourcesBelow(folder: string): AsyncGenerator<{ path: string; text: string }> {
  if (folder.endsWith(".ts")) {
    yield { path: folder, text: await Deno.readTextFile(ROOT + folder) };
    return;
  }
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory || name.endsWith(".ts")) yield* sourcesBelow(path);
  }
}
