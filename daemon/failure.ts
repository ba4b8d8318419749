/**
 * How tests fail, and the words that a 451 has for it.
 *
 * @module
 */
import { messageOf } from "../base/errors.ts";
import { PluginError } from "../ffi/mod.ts";

/** HELLO while another connection has the slot. */
export class SlotBusyError extends Error {
  override readonly name = "SlotBusyError";
}

/** A test that failed; the message is the whole text of the 451. */
export class TestError extends Error {
  override readonly name = "TestError";
}

/** The original's words for a test that does not start. */
export const START_FAILED = "Plugin failed to start!";

/** The words for a call that failed, whichever command was at work then. */
const FAILED_CALL: Readonly<Record<string, string>> = {
  start: START_FAILED,
  stop: "Plugin failed to stop!",
  marshall: "Plugin failed to marshall!",
};

/**
 * The text of a 451: the original's words, then the plugin's or its process's own.
 *
 * @param failure The original's words for this step.
 * @param plugin Name of the test.
 * @param error What happened.
 */
export function describeFailure(failure: string, plugin: string, error: unknown): string {
  const why = messageOf(error).replaceAll("\n", "; "); // a reply is one line
  if (error instanceof PluginError && error.code === "not-found") {
    const words = `Can not find plugin: ${plugin}`;
    return why.startsWith(words) ? why : `${words}; ${why}`;
  }
  const step = error instanceof PluginError ? FAILED_CALL[error.call] ?? failure : failure;
  const prefix =
    [`plugin ${plugin}: `, `plugin ${plugin} `, `${plugin}: `].find((text) => why.startsWith(text)) ?? "";
  const rest = why.slice(prefix.length);
  return rest === "" ? `${step}: ${plugin}` : `${step}: ${plugin}: ${rest}`;
}

/** The operator has asked for something that cannot be. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
