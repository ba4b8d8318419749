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
