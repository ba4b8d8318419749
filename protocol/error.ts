/** What kind of rule of the control protocol was broken. */
export type ProtocolErrorCode =
  /** A line or a field that cannot be understood. */
  | "syntax"
  /** A line, result or number beyond its limit. */
  | "limit"
  /** The connection ended in the middle of something. */
  | "eof"
  /** An answer or a command that does not belong here. */
  | "state"
  /** The peer refused, or could not prove, knowledge of the secret. */
  | "auth";

/** The one error of `protocol/`: what was read or to be written, and what is wrong with it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  /** Which kind of rule was broken. */
  readonly code: ProtocolErrorCode;

  /**
   * @param code Which kind of rule was broken.
   * @param message One sentence with the offending value.
   * @param options The cause, where there is one.
   */
  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Quotes a piece of a line for a message: control characters escaped, cut to a readable length.
 *
 * @param text What came from the network.
 * @returns The text in double quotes, at most about 80 characters.
 */
export function quote(text: string): string {
  const cut = text.length > 80 ? text.slice(0, 77) + "..." : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f]/g, "?");
}
