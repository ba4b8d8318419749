/**
 * What a history keeps of a document.
 *
 * @module
 */

import type { ResultDocument } from "../results/document/document.ts";
import type { NewRun, RunFacts } from "./history.ts";
import { pointsOf } from "./identity.ts";

/** Labels that say of which version the target was, in place of the working folder's. */
const COMMIT_LABEL = "commit", TAG_LABEL = "tag";

/**
 * A result document as a history takes it.
 *
 * @param document A checked document.
 * @param facts What else is known of the run.
 */
export function historyRun(document: ResultDocument, facts: RunFacts): NewRun {
  const { run, test, ipbench } = document;
  return withFacts({
    id: run.id,
    kind: "run",
    test: test.name,
    started: run.started,
    ended: run.ended,
    verdict: run.verdict,
    failed: run.failed === true || run.interrupted === true,
    version: ipbench.version,
    text: JSON.stringify(document),
    ...pointsOf(document),
  }, facts);
}

/** Puts what else is known beside a run. The labels `commit` and `tag` count before the working folder's. */
export function withFacts(run: NewRun, { labels = {}, commit, batch }: RunFacts): NewRun {
  const { [COMMIT_LABEL]: id, [TAG_LABEL]: tag, ...others } = labels;
  const named = id === undefined ? commit : { id, tag: null, dirty: false };
  const tagged = named === undefined || tag === undefined ? named : { ...named, tag };
  const rest = named === undefined && tag !== undefined ? { ...others, tag } : others;
  return { ...run, batch, commit: tagged, labels: rest };
}
