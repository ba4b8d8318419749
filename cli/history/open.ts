/**
 * Opening the history for the commands about it.
 *
 * @module
 */

import { History, HistoryError } from "../../history/mod.ts";
import { EXIT, ExitError } from "../exit.ts";
import { historyPath } from "./recorder.ts";

/** Opens a history to read. @throws {ExitError} when there is none, or it cannot be read. */
export async function readHistory(given: string | undefined): Promise<History> {
  return opened(await existing(given), "read");
}

/** Opens a history of which something is going to be changed. @throws {ExitError} when there is none, or it cannot be. */
export async function changeHistory(given: string | undefined): Promise<History> {
  return opened(await existing(given), "write");
}

/** Opens a history that is going to be written, a new one where there is none. @throws {ExitError} when it cannot be. */
export async function writeHistory(given: string | undefined): Promise<History> {
  const path = await pathOf(given);
  await Deno.mkdir(path.replace(/[^/]*$/, "") || ".", { recursive: true, mode: 0o700 });
  return opened(path, "write");
}

async function existing(given: string | undefined): Promise<string> {
  const path = await pathOf(given);
  if (await Deno.stat(path).then(() => true, () => false)) return path;
  throw new ExitError(
    EXIT.FAILED,
    `there is no history ${path} yet; runs make it, or "ipbench history import"`,
  );
}

async function pathOf(given: string | undefined): Promise<string> {
  const path = await historyPath(given);
  if (path === null || path === "") {
    throw new ExitError(EXIT.USAGE, "the history is off, or HOME is not set; give --history FILE");
  }
  return path;
}

/** Finds out whether a history that is named can be read, where it is there already. @throws {ExitError} when it cannot be. */
export async function usableHistory(path: string): Promise<void> {
  if (await Deno.stat(path).then(({ size }) => size > 0, () => false)) opened(path, "read")[Symbol.dispose]();
}

function opened(path: string, mode: "read" | "write"): History {
  return failing(() => History.open(path, mode));
}

/** What a history refuses ends the program with a sentence. */
export function failing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    const code = error.code === "newer" || error.code === "foreign" ? EXIT.USAGE : EXIT.FAILED;
    throw new ExitError(code, error.message, { cause: error });
  }
}
