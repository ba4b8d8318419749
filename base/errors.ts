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
 * Why a file or folder could not be read, written or made, in words.
 *
 * @param error What was thrown.
 */
export function fileReason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a directory";
  if (error instanceof Deno.errors.NotADirectory) return "it, or a part of its path, is no folder";
  if (error instanceof Deno.errors.AlreadyExists) return "something of that name is there";
  return messageOf(error).replace(/ \(os error \d+\).*$/, "");
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
