/**
 * Pages of what is more than one run: a search, a mesh, a quick look.
 *
 * @module
 */

import { meshRun, quickRun, rfc2544Run, searchRun } from "../history/mod.ts";
import { parseDocument } from "../results/document/parse.ts";
import { parseMesh } from "../results/mesh/document.ts";
import type { ListedRun } from "./results.ts";

/** What a list says of a document. */
export interface KeptFacts extends Pick<ListedRun, "id" | "started" | "verdict"> {
  /** What it is of. */
  what: string;
}

/** Where a search ran: for a list it does not matter. */
const ANYWHERE = { test: "", args: {}, testers: [], targets: [] };

/**
 * What a list says of such a document: the same as that of the history does.
 *
 * @param text The document.
 * @returns `null`: it is none of those, or damaged.
 */
export function keptFacts(text: string): KeptFacts | null {
  const facts = (what: string, { id, started, verdict }: Omit<KeptFacts, "what">) => ({
    what,
    id,
    started,
    verdict,
  });
  try {
    switch (formatOf(text)) {
      case "search":
        return facts("search", searchRun(JSON.parse(text), ANYWHERE));
      case "rfc2544":
        return facts("RFC 2544", rfc2544Run(JSON.parse(text), ANYWHERE));
      case "mesh":
        return facts("mesh", meshRun(parseMesh(text)));
      case "quick":
        return facts("quick look", quickRun(JSON.parse(text)));
      default:
        return null;
    }
  } catch {
    return null;
  }
}

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
    case "mesh":
      return (await import("../results/mesh/page.ts")).meshPage(parseMesh(text), title);
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
  return /^\s*\{\s*"format"\s*:\s*"ipbench-([a-z0-9]+)\//.exec(text)?.[1] ?? "";
}
