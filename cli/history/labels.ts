/**
 * What the history knows of runs whose documents are at hand.
 *
 * @module
 */

import { historyPath } from "./recorder.ts";

/**
 * Labels of runs, with their commit among them.
 *
 * @param ids Numbers of runs.
 * @returns those that the history has; none where there is no history, or it cannot be read
 */
export async function labelsOf(ids: readonly string[]): Promise<Map<string, Record<string, string>>> {
  const found = new Map<string, Record<string, string>>();
  const path = await historyPath(undefined).catch(() => null);
  if (path === null || !(await Deno.stat(path).then(() => true, () => false))) return found;
  const { History, HistoryError } = await import("../../history/mod.ts");
  try {
    using history = History.open(path, "read");
    for (const id of ids) {
      const run = history.list({ id, limit: 1 }).find((each) => each.id === id);
      if (run === undefined) continue;
      const commit = run.commit === null
        ? {}
        : { commit: `${run.commit}${run.dirty ? " with changes" : ""}` };
      found.set(id, { ...commit, ...run.tag === null ? {} : { tag: run.tag }, ...run.labels });
    }
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
  }
  return found;
}
