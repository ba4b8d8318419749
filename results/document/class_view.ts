/**
 * One class of a run as a document of its own: whatever reads documents can so read classes.
 *
 * @module
 */
import type { ClassResult, ResultDocument } from "./document.ts";

/** A document as it is read: whole, or one class of it. */
export interface DocumentView {
  /** Name of the class; `null`: the run has none. */
  class: string | null;
  document: ResultDocument;
}

/**
 * Takes a document apart: a run without classes is one view, and one with classes one for each, in the order of the file.
 *
 * @param document The whole document.
 * @returns the views; each has the clients, totals, row and verdict of its class alone
 */
export function viewsOf(document: ResultDocument): DocumentView[] {
  const { classes } = document;
  if (classes === undefined || classes.length === 0) return [{ class: null, document }];
  return classes.map((part, n) => ({ class: part.name, document: viewOf(document, part, n === 0) }));
}

/** Targets that serve the whole run are with the first class. */
function viewOf(document: ResultDocument, part: ClassResult, isFirst: boolean): ResultDocument {
  const { classes: _classes, effect: _effect, ...whole } = document;
  const { run } = document;
  const details = run.details?.filter((reason) => reason.class === part.name || reason.class === undefined);
  const { counts, rates, latency, histograms, confidence, window, outages, metrics } = part;
  return {
    ...whole,
    run: {
      ...run,
      verdict: run.failed === true || run.interrupted === true ? run.verdict : part.verdict,
      reasons: run.failed === true || run.interrupted === true ? run.reasons : part.reasons,
      ...details === undefined ? {} : { details },
    },
    test: {
      name: part.test,
      args: part.args,
      ...part.defaults === undefined ? {} : { defaults: part.defaults },
    },
    clients: document.clients.filter((client) => client.class === part.name),
    targets: document.targets.filter((target) =>
      target.class === part.name || target.class === undefined && isFirst
    ),
    total: {
      counts,
      rates,
      latency,
      ...histograms === undefined ? {} : { histograms },
      ...confidence === undefined ? {} : { confidence },
      ...window === undefined ? {} : { window },
      ...outages === undefined ? {} : { outages },
      ...metrics === undefined ? {} : { metrics },
    },
    csv: part.csv,
    csv_header: part.csv_header ?? null,
  };
}
