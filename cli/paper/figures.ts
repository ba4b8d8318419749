/**
 * Writes the figures of papers, and files of a folder in general.
 *
 * @module
 */

import type { ReportFile } from "../../results/report/formats.ts";
import { EXIT, ExitError } from "../exit.ts";
import { makeFolder, writeWhole } from "../result_files.ts";
import { note } from "../terminal/io.ts";

/**
 * Draws figures over the load.
 *
 * @param paths Of each system a file or folder, LABEL=PATH to name it.
 * @param folder Where they are written.
 * @throws {ExitError} when there is nothing to draw, or they cannot be written.
 */
export async function drawFigures(paths: string[], folder: string): Promise<void> {
  const { paperSystems } = await import("./systems.ts");
  const { paperFiles } = await import("../../results/report/paper/files.ts");
  const { systems, labels } = await paperSystems(paths);
  const files = paperFiles(systems, labels);
  if (files.length === 0) {
    throw new ExitError(EXIT.FAILED, `nothing in ${paths.join(", ")} can be drawn over a load`);
  }
  await writeFiles(folder, files);
}

/**
 * Writes files into a folder, which is made.
 *
 * @throws {ExitError} when that fails.
 */
export async function writeFiles(folder: string, files: ReportFile[]): Promise<void> {
  await makeFolder(folder);
  for (const file of files) await writeWhole(`${folder}/${file.name}`, file.text);
  note(`ipbench: ${folder}: ${files.length} file(s)`);
}
