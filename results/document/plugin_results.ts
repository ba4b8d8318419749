/**
 * What a plugin's `results` returns, checked before it is used.
 *
 * @module
 */
import * as v from "valibot";
import { messageOf } from "../../base/errors.ts";
import type { PluginResults } from "./document.ts";
import { checkDepth } from "./parse.ts";
import { describeIssue, pluginEntries } from "./schema.ts";

/** A plugin's results that are not what the contract allows. */
export class PluginResultsError extends Error {
  override name = "PluginResultsError";
}

const schema = v.looseObject(pluginEntries);

/**
 * Checks the object that a plugin's `results` gave. Keys that are not known here are kept.
 *
 * @param json Parsed JSON, from another process.
 * @returns the same, typed.
 * @throws {PluginResultsError} naming the first key that is wrong, what was expected and what was found.
 *
 * @example
 * ```ts
 * import { parsePluginResults } from "./plugin_results.ts";
 * parsePluginResults({ metrics: [{ name: "cpu", value: 12.3, unit: "%" }] });
 * ```
 */
export function parsePluginResults(json: unknown): PluginResults {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new PluginResultsError("results of the plugin: expected a JSON object");
  }
  try {
    checkDepth(json);
  } catch (cause) {
    const why = messageOf(cause);
    throw new PluginResultsError(`results of the plugin: ${why}`, { cause });
  }
  const checked = v.safeParse(schema, json, { abortEarly: true });
  if (!checked.success) {
    throw new PluginResultsError(`results of the plugin: ${describeIssue(checked.issues)}`);
  }
  return checked.output as PluginResults;
}
