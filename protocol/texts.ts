/**
 * Lines of text that come before the reply of HELP and STATUS: byte for byte the original's.
 *
 * @module
 */
import { formatReply } from "./reply.ts";

/** What a daemon is for: testers send (port 8036), targets are measured (port 8037). */
export type DaemonRole = "tester" | "target";

const HELP_TEXT: Readonly<Record<DaemonRole, string>> = {
  tester: "\nHELP OPTIONS\n------------\nHELP\nHELLO\nLOAD\n" +
    "SETUP target::<test-target>||port::<test-port>||args::<test-args>\nSTART\nABORT\nSTATUS\nQUIT\n",
  target: "\nHELP OPTIONS\n------------\nHELP\nHELLO\nLOAD\n" +
    "SETUP args::<target-test-args>\nSTART\nSTOP\nABORT\nSTATUS\nQUIT\n",
};

const EXTENSIONS_TEXT = "\nEXTENSIONS\n----------\n" +
  "AUTH <nonce> <hmac>\n" +
  "ENV iface::<interface>||target::<host>\n" +
  "CLOCK\n" +
  "SETUP <fields>||form::1||run::<hex>||flow::<n>\n" +
  "START at::<ns>\n" +
  "STOP at::<ns>\n" +
  "WATCH\n" +
  "WATCH every::<ms>\n" +
  "CONTINUE\n";

/**
 * The answer to HELP. The plain one is the original's, which lists no extension.
 *
 * @param role Which daemon answers.
 * @param extensions Whether HELP EXTENSIONS was asked.
 * @returns All lines, the reply included.
 */
export function formatHelp(role: DaemonRole, extensions: boolean): string {
  return (extensions ? EXTENSIONS_TEXT : HELP_TEXT[role]) + formatReply(200);
}

/** What STATUS reports. */
export interface Status {
  readonly role: DaemonRole;
  /** Process of the running test, or `null`. */
  readonly pid: number | null;
}

/**
 * The answer to STATUS.
 *
 * @param status What to send.
 * @returns All lines, the reply included.
 */
export function formatStatus(status: Status): string {
  const mode = status.role === "tester" ? "Testing" : "Target";
  const test = status.pid === null ? "Not running a test" : `Running a test (${status.pid})`;
  return `${mode} Daemon mode\n${test}\n${formatReply(200)}`;
}

/**
 * Reads the lines that STATUS gave.
 *
 * @param lines The lines before the reply.
 * @returns What they mean, or `null` when they are not a status.
 */
export function parseStatus(lines: readonly string[]): Status | null {
  const mode = lines.map((line) => /^(Testing|Target) Daemon mode$/.exec(line)).find((match) =>
    match !== null
  );
  if (mode === undefined || mode === null) return null;
  const running = lines.map((line) => /^Running a test \(([0-9]{1,10})\)$/.exec(line)).find((match) =>
    match !== null
  );
  const pid = running === undefined || running === null ? null : Number(running[1]);
  return { role: mode[1] === "Testing" ? "tester" : "target", pid };
}
