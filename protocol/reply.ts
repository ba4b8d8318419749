/**
 * Replies: `CODE TEXT` or `CODE TEXT (message)`.
 *
 * @module
 */
import { MAX_MESSAGE_LENGTH } from "./limits.ts";
import { ProtocolError, quote } from "./error.ts";

/** The codes, with the text that always stands beside them. */
const REPLY_TEXT = {
  /** Greeting. */
  100: "IPBENCH V1.0",
  /** What a running test reports of itself (extension `watch`). */
  150: "PROGRESS",
  /** Command done. */
  200: "OK",
  /** A result follows. */
  220: "VALID DATA",
  /** A result follows whose plugin reports that it is not valid. */
  221: "INVALID DATA",
  /** After QUIT. */
  222: "CLOSING CONTROL CONNECTION",
  /** Generic error; the connection stays open. */
  400: "ERROR",
  /** The daemon has a test, or too many connections. */
  421: "SERVICE NOT AVAILABLE",
  /** The daemon wants a secret that was not shown, or not the right one (extension `auth`). */
  430: "AUTHENTICATION FAILED",
  /** A plugin failed. */
  451: "LOCAL PROCESSING ERROR",
  /** Line not understood in this state. */
  500: "SYNTAX ERROR",
} as const;

/** A code this side writes. */
export type ReplyCode = keyof typeof REPLY_TEXT;

/** A reply as it was read: any three digits, for a peer may know more of them. */
export interface Reply {
  readonly code: number;
  /** What stands between the code and the message. */
  readonly text: string;
  /** What stands in the parentheses, or `null` without any. */
  readonly message: string | null;
}

/**
 * Makes any text fit to stand in the parentheses of a reply: one line, no parentheses inside, of bounded length.
 *
 * @param message A text of a plugin or of the system.
 * @returns The same in one line; `(a)` becomes `[a]`.
 */
export function cleanMessage(message: string): string {
  const line = message
    // deno-lint-ignore no-control-regex
    .replace(/[\u0000-\u0020\u007f-\u009f\u2028\u2029]+/g, " ")
    .replace(/\(/g, "[")
    .replace(/\)/g, "]")
    .trim()
    .toWellFormed();
  return line.length > MAX_MESSAGE_LENGTH
    ? line.slice(0, MAX_MESSAGE_LENGTH - 3).toWellFormed() + "..."
    : line;
}

/**
 * Writes a reply.
 *
 * @param code Its code; the text beside it is fixed.
 * @param message What goes into the parentheses; cleaned with {@linkcode cleanMessage}.
 * @returns The line with its line end.
 *
 * @example
 * ```ts
 * formatReply(200, "Ready to go"); // "200 OK (Ready to go)\n"
 * ```
 */
export function formatReply(code: ReplyCode, message?: string): string {
  const clean = message === undefined ? "" : cleanMessage(message);
  return clean === "" ? `${code} ${REPLY_TEXT[code]}\n` : `${code} ${REPLY_TEXT[code]} (${clean})\n`;
}

/** Digits, then the end or a blank: no pattern over the whole line, whose time could grow with its square. */
const REPLY_START = /^[1-5][0-9]{2}(?= |$)/;

/**
 * Whether a line has the form of a reply, rather than being text before one (HELP, STATUS).
 *
 * @param line A line without its line end.
 */
export function isReply(line: string): boolean {
  return REPLY_START.test(line);
}

/**
 * Reads a reply.
 *
 * @param line A line without its line end.
 * @returns Its parts; the message goes from the first opening parenthesis to the last closing one.
 * @throws {ProtocolError} when the line does not begin with three digits as a reply does.
 */
export function parseReply(line: string): Reply {
  if (!isReply(line)) {
    throw new ProtocolError("syntax", `expected a reply such as "200 OK", got ${quote(line)}`);
  }
  const code = Number(line.slice(0, 3));
  const rest = line.slice(3).trim();
  const open = rest.indexOf("(");
  if (open === -1 || !rest.endsWith(")")) return { code, text: rest, message: null };
  return { code, text: rest.slice(0, open).trimEnd(), message: rest.slice(open + 1, -1) };
}
