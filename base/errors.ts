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
 * Whether a connection was reset before it was accepted, as by a port scan: nobody else has to wait for that.
 *
 * @param error What accept threw.
 */
export function isGoneBeforeAccept(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.ConnectionAborted;
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
