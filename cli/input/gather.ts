/**
 * What a report is made of: the documents of files and folders, read one after another.
 *
 * @module
 */

import type { ReportModel } from "../../results/report/model.ts";
import { readDocuments } from "../read_documents.ts";

/**
 * Reads documents into a report's model.
 *
 * @param paths Files and folders.
 * @param title Heading; their names when absent.
 */
export async function gather(paths: readonly string[], title?: string): Promise<ReportModel> {
  const { ReportBuilder } = await import("../../results/report/model.ts");
  const builder = new ReportBuilder();
  for await (const result of readDocuments(paths)) {
    if ("document" in result) builder.add(result.document, result.file);
    else builder.addError(result.file, result.error);
  }
  return builder.build(title ?? defaultTitle(paths));
}

/** The name of what is reported on: a file without its ending, or a folder. */
export function defaultTitle(paths: readonly string[]): string {
  const names = paths.slice(0, 3).map((path) =>
    path.replace(/\/+$/, "").split("/").at(-1)!.replace(/\.json$/, "")
  );
  const title = names.map((name) => name === "." || name === "" ? "Results" : name).join(", ");
  return paths.length > 3 ? `${title} and ${paths.length - 3} more` : title;
}
