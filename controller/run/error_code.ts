/**
 * Which of a run's error codes a failure on a connection is.
 *
 * @module
 */

import { ProtocolError } from "../../protocol/mod.ts";
import { ConnectionError } from "../link/connection_error.ts";
import type { RunErrorCode } from "./run_error.ts";

/**
 * Names the cause of a failure for programs.
 *
 * @param error what was thrown underneath
 * @returns its code
 */
export function codeOf(error: unknown): RunErrorCode {
  if (error instanceof ProtocolError && error.code === "auth") return "authentication";
  if (!(error instanceof ConnectionError)) return "protocol";
  switch (error.code) {
    case "connect":
      return "connect";
    case "timeout":
      return "timeout";
    case "limit":
      return "limit";
    case "rubbish":
      return "protocol";
    default:
      return "closed";
  }
}
