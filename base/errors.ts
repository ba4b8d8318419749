/**
 * What was thrown, as text.
 *
 * @module
 */

/**
 * The message of whatever was thrown.
 *
 * @param error anything: what is no error is shown as text
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Why nothing can be written to the standard output.
 *
 * @param error What the write threw.
 */
export function outputReason(error: unknown): string {
  // What the launcher puts in place of a closed descriptor.
  return error instanceof Deno.errors.NotConnected ? "it is closed" : messageOf(error);
}
