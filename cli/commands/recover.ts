/**
 * `ipbench recover`: makes a result document from what a run that died has left.
 *
 * @module
 */

import type { Command } from "commander";
import type { ResultDocument } from "../../results/document/document.ts";
import { colourVerdict } from "../terminal/colours.ts";
import { EXIT, ExitError } from "../exit.ts";
import { note } from "../terminal/io.ts";
import { outcomeLines } from "../run_outcome.ts";
import { reasonOf } from "../input/read_bytes.ts";

const HELP = `
During a run with --json FILE, each result is kept in FILE.journal as it comes
in. When the run dies (power, kill -9, a full disk), this makes the document
from the journal: INVALID, with the results that are there; or with the run's
verdict, if the run was complete and only its document could not be written. A
finished document of the same run is left as it is; one of an earlier run is
renamed, unless the journal holds no result to take its place.

Examples:
  ipbench recover result.json

Exit status: 0 there is a document now, 1 nothing could be recovered, 2 wrong
use.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  program.command("recover").description("make a result document of what a run that died has left")
    .argument("<file>", "the FILE that the run's --json named")
    .addHelpText("after", HELP)
    .action(recover);
}

async function recover(name: string): Promise<void> {
  const { findPlace } = await import("../../controller/store/place.ts");
  // The run kept its journal beside the file that links lead to.
  const { kind, path } = await findPlace(name).catch((cause) => {
    throw new ExitError(EXIT.FAILED, `nothing to recover: ${name}: ${reasonOf(cause)}`, { cause });
  });
  if (kind !== "file") throw new ExitError(EXIT.FAILED, `nothing to recover: ${name} is no regular file`);
  const { DocumentSaver, recoverDocument } = await import("../../controller/store/save.ts");
  await using _held = await holdDead(path);
  const found = await recoverDocument(path).catch((cause) => {
    const reason = cause instanceof Deno.errors.NotFound
      ? `neither ${path} nor ${path}.journal is there`
      : `${path}: ${reasonOf(cause)}`;
    throw new ExitError(EXIT.FAILED, `nothing to recover: ${reason}`, { cause });
  });
  if (found.complete) {
    await removeJournal(path);
    note(`ipbench: ${path} is complete; nothing to recover`);
    return;
  }
  if (!found.came) return await failWithNothing(path, found.document.run);
  try {
    await keepEarlier(path, found.document.run.id);
    await new DocumentSaver(path).finish(found.document);
  } catch (cause) {
    throw new ExitError(EXIT.FAILED, `cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
  const { clients } = found.document;
  const came = clients.filter((client) => client.peer !== null && client.error === undefined).length;
  note(`ipbench: ${path}: recovered ${came} of ${clients.length} client results`);
  const [verdict = "", ...reasons] = outcomeLines(found.document);
  note(colourVerdict(Deno.stderr, `ipbench: ${verdict}`));
  reasons.forEach((line) => note(`ipbench: ${line}`));
}

/** A run that is alive is not recovered, and none begins meanwhile. */
async function holdDead(path: string): Promise<AsyncDisposable | null> {
  const { FileLock, FileLockedError } = await import("../../controller/store/file_lock.ts");
  return await FileLock.take(path).catch((cause) => {
    if (!(cause instanceof FileLockedError)) return null; // What it is is seen when the document is read or written.
    throw new ExitError(EXIT.FAILED, `nothing to recover: ${cause.message}`, { cause });
  });
}

/** What the run that died would have replaced is a whole result, which what is left of it may not be. */
async function keepEarlier(path: string, runId: string): Promise<void> {
  const { asidePath, runIdOf } = await import("../../controller/store/journal.ts");
  const earlier = await runIdOf(path);
  if (earlier === null || earlier === runId) return;
  const aside = asidePath(path, earlier);
  await Deno.rename(path, aside);
  note(`ipbench: ${path} held the result of an earlier run; that is ${aside} now`);
}

/** A document of nothing would only hide the result of an earlier run. */
async function failWithNothing(path: string, { id, started }: ResultDocument["run"]): Promise<never> {
  const { runIdOf } = await import("../../controller/store/journal.ts");
  const earlier = await runIdOf(path);
  await removeJournal(path);
  const rest = earlier === null ? "" : `; ${path} is the result of an earlier run and stays as it is`;
  throw new ExitError(
    EXIT.FAILED,
    `nothing to recover: the run ${id} of ${started} died before any result had come in${rest}`,
  );
}

/** The run wrote its document and died before it removed its journal. */
async function removeJournal(path: string): Promise<void> {
  await Deno.remove(`${path}.journal`).catch((cause) => {
    if (cause instanceof Deno.errors.NotFound) return;
    throw new ExitError(EXIT.FAILED, `cannot remove ${path}.journal: ${reasonOf(cause)}`, { cause });
  });
}
