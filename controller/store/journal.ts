/**
 * Where a run's journal lies, and which run it is of.
 *
 * @module
 */

/** The run's number stands among the first keys of a document, and of a journal. */
const RUN_ID = /"run"\s*:\s*\{\s*"id"\s*:\s*"([^"\\]{1,200})"/;
/** Bytes of a file in which it is looked for. */
const HEAD_BYTES = 4096;

/**
 * Names the journal of a run.
 *
 * @param path where its document goes
 */
export function journalPath(path: string): string {
  return `${path}.journal`;
}

/**
 * Whether there is a file of that name: no link, which may lead to anything, and no pipe, which nobody may write to.
 *
 * @param path the file
 */
export async function isRegular(path: string): Promise<boolean> {
  try {
    return (await Deno.lstat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Finds out which run a document or a journal is of.
 *
 * @param path the file
 * @returns the run's number, "" when there is none in it; `null` when there is no such file
 */
export async function runIdOf(path: string): Promise<string | null> {
  if (!(await isRegular(path))) return null;
  try {
    using file = await Deno.open(path, { read: true });
    const head = new Uint8Array(HEAD_BYTES);
    let filled = 0;
    for (let got = await file.read(head); got !== null && got > 0;) {
      filled += got;
      got = await file.read(head.subarray(filled));
    }
    return RUN_ID.exec(new TextDecoder().decode(head.subarray(0, filled)))?.[1] ?? "";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Whether a run that was to write a document has died before it could: there is a journal, and no document of that run.
 *
 * @param path where the document was to go
 */
export async function isUnfinished(path: string): Promise<boolean> {
  const left = await runIdOf(journalPath(path));
  return left !== null && (left === "" || left !== await runIdOf(path));
}

/**
 * Names the place for what is in the way of a later run.
 *
 * @param path where both runs' documents were to go
 * @param runId the earlier run's number
 * @returns for example "lab.00c0ffee00c0ffee.json"
 */
export function asidePath(path: string, runId: string): string {
  const name = /^[0-9a-zA-Z-]{1,64}$/.test(runId) ? runId : "earlier";
  return path.endsWith(".json") ? `${path.slice(0, -".json".length)}.${name}.json` : `${path}.${name}`;
}
