/**
 * Pages of what the history keeps that is more than one run: a search, a mesh, a quick look.
 *
 * @module
 */

import { parseDocument } from "../results/document/parse.ts";

/** Whether a kept document is the result of one run. */
export function isResult(text: string): boolean {
  return formatOf(text) === "result";
}

/**
 * The page of something else.
 *
 * @param text Its document.
 * @param title Heading.
 * @returns `null`: nothing is known that could be shown
 */
export async function keptPage(text: string, title: string): Promise<string | null> {
  switch (formatOf(text)) {
    case "search":
    case "rfc2544":
      return (await import("../results/search/parse.ts")).viewsOfSearch(text)?.page(title, []) ?? null;
    case "mesh": {
      const { parseMesh } = await import("../results/mesh/document.ts");
      return (await import("../results/mesh/page.ts")).meshPage(parseMesh(text), title);
    }
    case "quick": {
      const look = JSON.parse(text);
      const documents = Object.entries(look.documents ?? {}).map(([phase, document]) =>
        [phase, parseDocument(JSON.stringify(document))] as const
      );
      const { quickPage } = await import("../results/quick/page.ts");
      return quickPage({ ...look, documents: Object.fromEntries(documents) }, title);
    }
    default:
      return null;
  }
}

function formatOf(text: string): string {
  return /^\{"format":"ipbench-([a-z0-9]+)\//.exec(text)?.[1] ?? "";
}
