/**
 * Which argument a test may have been meant to get, where its plugin only reports that it is wrong.
 *
 * @module
 */

import { nearest } from "../../base/nearest.ts";
import type { PluginInfo, PluginOption } from "../../ffi/mod.ts";
import { RunError } from "../run/run_error.ts";
import { splitArgs } from "../../base/args.ts";

/** @returns the arguments of a test itself, not of its controller half; `null` when the test has no table */
export function argumentsOf({ options }: Pick<PluginInfo, "options">): PluginOption[] | null {
  return options?.filter((option) => !option.controller) ?? null;
}

/**
 * Looks for arguments that are not in a test's table and close to one that is. A test may accept more than its table lists,
 * so that this is a suggestion and no error.
 *
 * @param args the arguments as typed
 * @param options the part of the test's table that they are of; `null`, of a test that has none: nothing is known
 * @returns a clause such as `did you mean "seconds" instead of "secnds"?`; `null` when nothing is close
 */
export function misspelt(args: string, options: readonly PluginOption[] | null): string | null {
  const known = (options ?? []).map((option) => option.name);
  for (const { name } of splitArgs(args)) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known);
    if (meant !== null) return `did you mean ${JSON.stringify(meant)} instead of ${JSON.stringify(name)}?`;
  }
  return null;
}

/**
 * Adds a suggestion to a refusal of a test's arguments.
 *
 * @param error what was thrown while the test was set up
 * @param args the arguments as typed
 * @param options the test's table
 * @returns the error to throw: the same one where it has a suggestion already, or there is none
 */
export function withSuggestion(
  error: unknown,
  args: string,
  options: readonly PluginOption[] | null,
): unknown {
  if (!(error instanceof RunError) || error.phase !== "setup" || /did you mean/.test(error.message)) {
    return error;
  }
  const meant = error.code === "refused" || error.code === "plugin" ? misspelt(args, options) : null;
  if (meant === null) return error;
  const remedy = error.remedy === "" ? meant : `${error.remedy}; ${meant}`;
  return new RunError(error.peer, error.phase, error.code, error.reason, remedy, error.cause);
}
