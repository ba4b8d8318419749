/**
 * The diagnostic lines of a run.
 *
 * @module
 */

/** Level of a log line. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Receives diagnostic lines; `debug` ones are worded as the original's ("[send_command] : START"). */
export type Log = (level: LogLevel, message: string) => void;
