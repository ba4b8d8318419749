/**
 * Reasons that differ in their numbers and hosts only, as one sentence.
 *
 * @module
 */

/** Hosts of a group that are named; of more their number is told. */
const NAMED_HOSTS = 3;
/** A whole or decimal number that is no part of a word or an address. */
const NUMBER = /(?<![\w.:])\d+(?:\.\d+)?(?![\w:]|\.\d)/g;

/** A reason, and whom it is about. */
export interface GroupedReason {
  text: string;
  host?: string | undefined;
}

/**
 * Puts reasons together that say the same with other numbers: "packets left late: 1 % of them 1.2 ms …" and "…: 1 % of
 * them 6.2 ms …" become "packets left late: 1 % of them 1.2 to 6.2 ms …".
 *
 * @param reasons In the order in which they are to be told, the gravest first.
 * @returns one sentence a group, with its hosts before it, in the order of each group's first reason
 *
 * @example
 * ```ts
 * import { groupReasons } from "./reason_groups.ts";
 * groupReasons([{ host: "a", text: "2 lost" }, { host: "b", text: "5 lost" }]); // ["a, b: 2 to 5 lost"]
 * ```
 */
export function groupReasons(reasons: readonly GroupedReason[]): string[] {
  const groups = new Map<string, GroupedReason[]>();
  for (const reason of reasons) {
    const key = reason.text.replace(NUMBER, "#");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [reason]);
    else group.push(reason);
  }
  return [...groups.values()].map((group) => {
    const hosts = [...new Set(group.flatMap(({ host }) => host ?? []))];
    const before = hosts.length === 0
      ? ""
      : hosts.length <= NAMED_HOSTS
      ? `${hosts.join(", ")}: `
      : `${hosts.length} hosts (${hosts[0]} …): `;
    return before + ranged(group.map(({ text }) => text));
  });
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
