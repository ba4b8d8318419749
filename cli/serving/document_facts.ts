/**
 * What a list says of a document in a file, from its beginning where that is enough.
 *
 * @module
 */

import { Semaphore } from "../../base/semaphore.ts";
import { parseIndex } from "../../controller/sweep/sweep_index.ts";
import { VERDICTS } from "../../results/document/schema.ts";
import { keptFacts } from "../../serve/kept_page.ts";
import type { ListedRun } from "../../serve/results.ts";
import { readBounded } from "../read_documents.ts";
import { resultInStream } from "../stream/events.ts";

/** Bytes of a document in which its number, its time and its verdict stand. */
const HEAD_BYTES = 4096;
const HEAD =
  /"run"\s*:\s*\{\s*"id"\s*:\s*"([0-9A-Za-z_-]{1,64})"\s*,\s*"started"\s*:\s*"([^"\\]{1,40})"\s*,\s*"ended"\s*:\s*"[^"\\]{0,40}"\s*,\s*"verdict"\s*:\s*"(VALID|SUSPECT|INVALID)"/;
/** How documents of more than one run begin. Those are read as a whole. */
const OTHER_HEAD = /^\s*\{\s*"format"\s*:\s*"ipbench-(search|rfc2544|mesh|quick|sweep)\//;
/** How the events of a run begin, whose last line is its result. */
const EVENTS_HEAD = '{"event":"begin",';
/** Those that are read as a whole are read one after another: a log may have hundreds of megabytes. */
const whole = new Semaphore(1);
/** What an address may hold. */
const ID = /^[0-9A-Za-z_-]{1,64}$/;

/** See the module. */
export interface DocumentFacts extends Pick<ListedRun, "id" | "started" | "verdict"> {
  /** `result`: of one run; `folder`: what it is of stands beside it. */
  kind: "result" | "whole" | "folder";
  /** What it is, where that is not simply a result. */
  what: string | null;
}

/**
 * Looks into a file.
 *
 * @param path An ordinary file.
 * @returns `null`: it is no document that has a page.
 * @throws when it cannot be read.
 */
export async function factsOf(path: string): Promise<DocumentFacts | null> {
  const head = await headOf(path);
  const isLog = head.startsWith(EVENTS_HEAD);
  const facts = isLog || OTHER_HEAD.test(head)
    ? await whole.run(async () => factsIn(await readBounded(path), path))
    : factsIn(head, path);
  // Pieces of a text hold all of it in memory for as long as they are there: these are texts of their own.
  return structuredClone(facts);
}

function factsIn(text: string, path: string): DocumentFacts | null {
  const kind = OTHER_HEAD.exec(text)?.[1];
  if (kind !== undefined) {
    const facts = kind === "sweep" ? sweepFacts(text) : keptFacts(text);
    if (facts === null || !ID.test(facts.id)) return null;
    return { kind: kind === "sweep" ? "folder" : "whole", ...facts };
  }
  const result = text.startsWith(EVENTS_HEAD) ? resultInStream(text)?.slice(0, HEAD_BYTES) ?? "" : text;
  const [, id, started, verdict] = HEAD.exec(result) ?? [];
  if (id === undefined) return null;
  const unfinished = path.endsWith(".journal");
  return {
    kind: "result",
    what: unfinished ? "not finished" : null,
    id,
    started: started!,
    verdict: unfinished ? "" : verdict as ListedRun["verdict"],
  };
}

async function headOf(path: string): Promise<string> {
  using file = await Deno.open(path, { read: true });
  const head = new Uint8Array(HEAD_BYTES);
  const got = await file.read(head) ?? 0;
  return new TextDecoder().decode(head.subarray(0, got));
}

/** A sweep is as good as its worst point; before the first one is measured there is nothing to be seen. */
function sweepFacts(text: string) {
  const index = indexOf(text);
  if (index === null) return null;
  const { sweep: { id, started, ended, interrupted }, points } = index;
  const verdicts = points.flatMap(({ file, verdict }) => file === null || verdict === null ? [] : [verdict]);
  if (verdicts.length === 0) return null;
  return ended === null || interrupted
    ? { what: "sweep, not finished", id, started, verdict: "" as const }
    : { what: "sweep", id, started, verdict: VERDICTS.findLast((each) => verdicts.includes(each))! };
}

function indexOf(text: string): ReturnType<typeof parseIndex> | null {
  try {
    return parseIndex(text);
  } catch {
    return null; // damaged
  }
}
