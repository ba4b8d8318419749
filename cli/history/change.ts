/**
 * `ipbench history import`, `ack`, `annotate`, `prune` and `verify`: what changes a history, and whether it is whole.
 *
 * @module
 */

import { historyRun } from "../../history/mod.ts";
import { EXIT, ExitError } from "../exit.ts";
import { readDocuments } from "../read_documents.ts";
import { note } from "../terminal/io.ts";
import { changeHistory, failing, readHistory, writeHistory } from "./open.ts";
import { parseLabels } from "./recorder.ts";
import { runOf, seriesOf } from "./show.ts";

/** Takes documents in. */
export async function importDocuments(
  paths: readonly string[],
  options: { history?: string; label?: string[] },
): Promise<void> {
  const labels = parseLabels(options.label);
  using history = await writeHistory(options.history);
  let [added, known, failed] = [0, 0, 0];
  for await (const result of readDocuments(paths)) {
    if ("error" in result) {
      failed++;
      note(`ipbench: ${result.file}: ${result.error}`);
    } else if (failing(() => history.add(historyRun(result.document, { labels })))) added++;
    else known++;
  }
  note(`ipbench: ${added} taken in, ${known} there already; ${history.path}`);
  if (failed > 0 || added + known === 0) {
    const where = paths.join(", ");
    throw new ExitError(
      EXIT.FAILED,
      failed > 0 ? `${failed} could not be read in ${where}` : `no result document in ${where}`,
    );
  }
}

/** Accepts a change. */
export async function acceptChange(
  seriesId: string,
  metric: string,
  runId: string,
  options: { history?: string; reason: string },
): Promise<void> {
  using history = await changeHistory(options.history);
  const series = seriesOf(history, seriesId);
  const run = runOf(history, runId);
  if (!run.series.includes(series.id)) {
    throw new ExitError(EXIT.USAGE, `run ${run.id} is not in series ${series.id}`);
  }
  if (!history.metrics().has(metric)) {
    const known = [...history.metrics().keys()].join(", ");
    throw new ExitError(EXIT.USAGE, `there is no figure ${metric}; there are ${known}`);
  }
  failing(() => history.ack(series.id, metric, run.id, options.reason));
  note(`ipbench: accepted: ${metric} of series ${series.id} at run ${run.id}`);
}

/** Puts a note and labels on a run. */
export async function annotateRun(
  id: string,
  text: string | undefined,
  options: { history?: string; label?: string[] },
): Promise<void> {
  const labels = parseLabels(options.label);
  if (text === undefined && Object.keys(labels).length === 0) {
    throw new ExitError(EXIT.USAGE, "give a note, or --label NAME=VALUE");
  }
  using history = await changeHistory(options.history);
  const run = runOf(history, id);
  failing(() => history.annotate(run.id, text, labels));
}

/** Takes old runs out. */
export async function pruneRuns(
  options: { history?: string; before?: string; documents?: true },
): Promise<void> {
  if (options.before === undefined) {
    throw new ExitError(EXIT.USAGE, "which runs? Give --before DATE, such as --before 2026-01-31");
  }
  const time = Date.parse(options.before);
  // What is no date of the calendar, or a word or number that the runtime takes for one, takes nothing out.
  const isDate = Number.isFinite(time) && /^\d{4}-\d\d-\d\d/.test(options.before) &&
    new Date(`${options.before.slice(0, 10)}T00:00Z`).toISOString().startsWith(options.before.slice(0, 10));
  if (!isDate) {
    throw new ExitError(EXIT.USAGE, `--before ${options.before}: expected a date such as 2026-01-31`);
  }
  const before = new Date(time).toISOString();
  using history = await changeHistory(options.history);
  const count = failing(() => history.prune(before, options.documents === true));
  const what = options.documents === true ? "documents" : "runs";
  note(`ipbench: ${count} ${what} from before ${before.slice(0, 10)} taken out of ${history.path}`);
}

/** Checks that the file is whole. */
export async function verifyHistory(options: { history?: string }): Promise<void> {
  using history = await readHistory(options.history);
  failing(() => history.verify());
  note(`ipbench: ${history.path} is whole: ${history.count()} runs`);
}
