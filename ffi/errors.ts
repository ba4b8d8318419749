/**
 * What can go wrong with a plugin, as one class.
 *
 * @module
 */

/** Which kind of failure a {@linkcode PluginError} is. */
export type PluginErrorCode =
  | "not-found"
  | "setup"
  | "start"
  | "stop"
  | "marshall"
  | "unmarshall"
  | "output"
  | "crash"
  | "timeout"
  | "protocol"
  | "limit"
  | "interface"
  | "not-built";

/** A plugin, or the process that hosts it, failed. The message names the plugin, the call and the cause. */
export class PluginError extends Error {
  /** Name of the class. */
  override readonly name = "PluginError";
  /** Kind of failure. */
  readonly code: PluginErrorCode;
  /** The call during which it happened, such as "setup" or "start". */
  readonly call: string;

  /**
   * @param code kind of failure
   * @param call the call during which it happened
   * @param message one sentence, without parentheses, that can travel in a protocol reply
   */
  constructor(code: PluginErrorCode, call: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.call = call;
  }
}
