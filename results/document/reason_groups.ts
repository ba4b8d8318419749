/**
 * Reasons of one code, or that differ in their numbers and hosts only, as one sentence.
 *
 * @module
 */

/** Hosts of a group that are named; of more, only their number. */
const NAMED_HOSTS = 3;
/** A whole or decimal number that is no part of a word or an address. */
const NUMBER = /(?<![\w.:])\d+(?:\.\d+)?(?![\w:]|\.\d)/g;

/** Sentences of one code that differ in more than their numbers and are listed. */
const SENTENCES = 3;

/** A reason, and whom it is about. */
export interface GroupedReason {
  text: string;
  host?: string | undefined;
  /** The class of a run of several tests. */
  class?: string | undefined;
  /** What it is a case of, such as "send-lateness". */
  code?: string | undefined;
}

/**
 * Puts reasons together that are cases of one code, or that differ in their numbers alone: "packets left late: 1 % of
 * them 1.2 ms …" and "…: 1 % of them 6.2 ms …" become "packets left late: 1 % of them 1.2 to 6.2 ms …".
 *
 * @param reasons In the order in which they are to be listed, the gravest first.
 * @returns one sentence a group, with its hosts before it, in the order of each group's first reason
 *
 * @example
 * ```ts
 * import { groupReasons } from "./reason_groups.ts";
 * groupReasons([{ host: "a", text: "2 lost" }, { host: "b", text: "5 lost" }]); // ["a, b: 2 to 5 lost"]
 * ```
 */
export function groupReasons(reasons: readonly GroupedReason[]): string[] {
  const keyOf = ({ class: of, code, text }: GroupedReason) => JSON.stringify([of, code ?? patternOf(text)]);
  const groups = Map.groupBy(reasons, keyOf);
  return [...groups.values()].map((group) => {
    const hosts = [...new Set(group.flatMap(({ host }) => host ?? []))];
    const who = hosts.length <= NAMED_HOSTS ? hosts.join(", ") : `${hosts.length} hosts (${hosts[0]} …)`;
    const of = group[0]?.class;
    const parts = [of === undefined ? "" : `class ${of}`, who].filter((part) => part !== "");
    const before = parts.length === 0 ? "" : `${parts.join(", ")}: `;
    return before + sentenceOf(group.map(({ text }) => text));
  });
}

/**
 * Names what reasons are cases of, each once.
 *
 * @returns Such as "send-lateness, steal"; `null` when no reason has a code.
 */
export function codesOf(reasons: readonly GroupedReason[]): string | null {
  const codes = [...new Set(reasons.flatMap(({ code }) => code ?? []))];
  return codes.length === 0 ? null : codes.join(", ");
}

/**
 * Why several runs are not VALID: a sentence a kind of reason, with the range of its numbers and how many runs have it.
 *
 * @param runs The reasons of each of the runs.
 * @param all How many there are, such as "16 points".
 * @returns Sentences, the first kind of the first run first.
 */
export function groupRuns(runs: readonly (readonly GroupedReason[])[], all: string): string[] {
  const reasons = runs.flatMap((own, run) => own.map((reason) => ({ run, reason })));
  const groups = Map.groupBy(reasons, ({ reason }) => reason.code ?? patternOf(reason.text));
  return [...groups.values()].flatMap((group) => {
    const code = group[0]!.reason.code;
    const head = `${code === undefined ? "" : `${code}, `}${
      new Set(group.map(({ run }) => run)).size
    } of ${all}`;
    return groupReasons(group.map(({ reason }) => reason)).map((sentence) => `${head}: ${sentence}`);
  });
}

function patternOf(text: string): string {
  return text.replace(NUMBER, "#");
}

/** Texts of one group: those that differ in their numbers only are one. */
function sentenceOf(texts: readonly string[]): string {
  const alike = [...Map.groupBy(texts, patternOf).values()];
  const more = alike.length > SENTENCES ? [`and ${alike.length - SENTENCES} more of the kind`] : [];
  return [...alike.slice(0, SENTENCES).map(ranged), ...more].join("; ");
}

/** One sentence for texts that differ in their numbers only. */
function ranged(texts: readonly string[]): string {
  const found = texts.map((text) => text.match(NUMBER) ?? []);
  let n = 0;
  return texts[0]!.replace(NUMBER, () => {
    const sorted = found.map((numbers) => numbers[n]!).toSorted((a, b) => Number(a) - Number(b));
    n++;
    const [low, high] = [sorted[0]!, sorted.at(-1)!];
    return Number(low) === Number(high) ? low : `${low} to ${high}`;
  });
}
