/**
 * Runs and series in words, for terminals and pages.
 *
 * @module
 */

import { formatCount, formatRate } from "../base/figures.ts";
import { valueText } from "../results/compare/words.ts";
import type { MetricInfo } from "./identity.ts";
import type { RunEntry, SeriesEntry } from "./rows.ts";

/** Digits that tell runs and commits apart, for people. */
export const SHORT = 10;

/** What runs, and in which class. */
export function testText(
  { kind, test, class: of }: { kind: string; test: string; class?: string | null },
): string {
  return [kind === "run" || kind === test ? "" : `${kind} `, test, of ? ` (${of})` : ""].join("");
}

/** Arguments or labels as people write them. */
export function argsText(args: Record<string, string>): string {
  return Object.entries(args).map(([name, value]) => value === "" ? name : `${name}=${value}`).join(",");
}

/** The load of a series, for people. */
export function loadText({ loadBps, load }: Pick<SeriesEntry, "loadBps" | "load">): string {
  const { testers, ...others } = load;
  const rate = loadBps !== null && loadBps > 0 ? formatRate(loadBps) : argsText(others);
  const by = testers === undefined ? "" : `${testers} tester${testers === "1" ? "" : "s"}`;
  return [rate, by].filter((part) => part !== "").join(" by ");
}

/** Machines by their names. */
export function machinesText(machines: readonly Record<string, string>[]): string {
  const [first] = machines;
  if (first === undefined) return "–";
  const name = first["hostname"] ?? first["host"] ?? Object.values(first)[0] ?? "";
  return machines.length === 1 ? name : `${name} and ${formatCount(machines.length - 1)} more`;
}

/** The commit of a run: tag, number, and "+" where the folder had changes. */
export function commitText({ commit, tag, dirty }: Pick<RunEntry, "commit" | "tag" | "dirty">): string {
  if (commit === null) return tag ?? "";
  return `${tag === null ? commit.slice(0, SHORT) : `${tag} (${commit.slice(0, SHORT)})`}${dirty ? "+" : ""}`;
}

/** A figure with its unit. */
export function figureText(metric: MetricInfo, value: number): string {
  return valueText({ ...metric, pick: () => null }, value);
}
