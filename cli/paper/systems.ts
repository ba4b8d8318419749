/**
 * Reads the results of several systems for the figures of a paper.
 *
 * @module
 */

import type { RunLabels } from "../../results/report/paper/provenance.ts";
import { type System, type SystemResults, systemsOf } from "../../results/report/paper/systems.ts";
import { EXIT, ExitError } from "../exit.ts";
import { labelsOf } from "../history/labels.ts";
import { readDocuments } from "../read_documents.ts";
import { note } from "../terminal/io.ts";

/** Most systems of one figure: as many as there are colours. */
const MOST_SYSTEMS = 8;

/**
 * Reads them.
 *
 * @param paths A file or folder each, or LABEL=PATH.
 * @throws {ExitError} when one of them has no results.
 */
export async function paperSystems(
  paths: readonly string[],
): Promise<{ systems: System[]; labels: RunLabels }> {
  if (paths.length > MOST_SYSTEMS) {
    throw new ExitError(EXIT.USAGE, `${paths.length} systems: a figure has ${MOST_SYSTEMS} at most`);
  }
  const all: SystemResults[] = [];
  for (const text of paths) {
    const { label, path } = await labelled(text);
    const documents: SystemResults["documents"][number][] = [];
    for await (const result of readDocuments([path])) {
      if ("document" in result) documents.push(result);
      else note(`ipbench: ${result.file}: ${result.error}`);
    }
    if (documents.length === 0) throw new ExitError(EXIT.FAILED, `no result document in ${path}`);
    all.push({ label, documents });
  }
  const ids = all.flatMap(({ documents }) => documents.map(({ document }) => document.run.id));
  return { systems: systemsOf(all), labels: await labelsOf(ids) };
}

/** A path may hold a "=" itself: what is there as a whole is no label. */
async function labelled(text: string): Promise<{ label: string; path: string }> {
  const [, label, path] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  const whole = label === undefined || path === undefined ||
    await Deno.stat(text).then(() => true, () => false);
  if (!whole) return { label: label.trim(), path };
  return { label: text.replace(/\/+$/, "").split("/").at(-1)!.replace(/\.json$/, ""), path: text };
}
