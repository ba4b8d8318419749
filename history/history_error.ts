/**
 * What can be wrong with a history.
 *
 * @module
 */

/** Why a history could not be opened, read or written; the message names the file and what can be done. */
export class HistoryError extends Error {
  override readonly name = "HistoryError";

  /**
   * @param code `absent`: there is no such file; `newer`: another version wrote it; `foreign`: it is something else;
   *   `damaged`: its content is not whole; `busy`: another process holds it; `full`: there is no room; `failed`: the rest.
   * @param message A sentence for the user.
   * @param options The error behind it, as `cause`.
   */
  constructor(
    readonly code: "absent" | "newer" | "foreign" | "damaged" | "busy" | "full" | "failed",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What SQLite reports (`sqlite3_errstr`), because not every error of `node:sqlite` has its number. */
const CAUSES: readonly [RegExp, HistoryError["code"], string][] = [
  [/is locked|is busy/, "busy", "is held by another process for too long; try again"],
  [/is full/, "full", "has no room: the disk is full"],
  [/not a database/, "foreign", "is no history of ipbench; name another file"],
  [/malformed/, "damaged", "is damaged; move it away and import the documents again"],
  [/readonly/, "failed", "cannot be written: its file or folder is read-only"],
  [/unable to open/, "failed", "cannot be opened: is its folder there, and may it be read and written?"],
  [/I\/O error/, "failed", "cannot be read or written: the disk fails or is full"],
];

/**
 * Runs something that SQLite does, and words what goes wrong.
 *
 * @param path The file, for messages.
 * @param work Uses the database.
 * @throws {HistoryError} when SQLite fails.
 */
export function wording<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw worded(path, error);
  }
}

function worded(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || error.code !== "ERR_SQLITE_ERROR") return error;
  if (isFolder(path)) {
    return new HistoryError("foreign", `the history ${path} is a folder; name a file`, { cause: error });
  }
  const [, code, text] = CAUSES.find(([pattern]) => pattern.test(error.message)) ??
    [null, "failed" as const, `failed: ${error.message}`];
  return new HistoryError(code, `the history ${path} ${text}`, { cause: error });
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false; // it cannot be reached, and the error at hand tells more
  }
}
