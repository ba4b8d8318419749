/**
 * What can go wrong with a control connection, as one class.
 *
 * @module
 */

/** What went wrong with a connection. */
export type ConnectionErrorCode = "connect" | "timeout" | "closed" | "reset" | "limit" | "rubbish";

/** A connection that could not be made or used. */
export class ConnectionError extends Error {
  /**
   * @param code stable name of the cause
   * @param message a clause that says what was tried and what happened
   * @param cause the error underneath, if any
   * @param remedy what a person can do about this one, where more is known than of its code
   */
  constructor(
    readonly code: ConnectionErrorCode,
    message: string,
    cause?: unknown,
    readonly remedy: string | null = null,
  ) {
    super(message, { cause });
    this.name = "ConnectionError";
  }
}

/**
 * Makes the error for an answer that did not come.
 *
 * @param ms how long was waited, in milliseconds
 * @returns the error
 */
export function tooLate(ms: number): ConnectionError {
  return new ConnectionError("timeout", `no answer within ${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`);
}
