/**
 * How far `ipbench deploy` has come: a line a machine that stays in place on a terminal, else a line a step.
 *
 * @module
 */

import { fit, plainText } from "./format.ts";
import { columns, err, note, out, stderrIsTerminal } from "./io.ts";

/** Times a second that lines are drawn. */
const FRAMES_PER_SECOND = 5;
/** Most lines that stay in place. */
const MAX_LIVE_LINES = 20;

/** Where the progress of all machines goes. */
export interface DeployProgress {
  /** A machine has come to its next step. */
  step(host: string, text: string): void;
  /** So much of the program has been sent to a machine. */
  sent(host: string, bytes: number, total: number): void;
  /** A machine is done: its line on stdout. */
  done(host: string, text: string): void;
  /** A line that stays, on stderr. */
  line(text: string): void;
  /** No lines any more. */
  close(): void;
}

/**
 * Opens the display.
 *
 * @param width Characters of the longest machine's name.
 */
export function openDeployProgress(width: number): DeployProgress {
  const live = stderrIsTerminal() && Deno.env.get("TERM") !== "dumb";
  const working = new Map<string, string>();
  let drawn = 0;
  const erase = () => {
    if (drawn > 0) err(`\r\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = () => {
    const lines = Array.from(working, ([host, text]) => `${host.padEnd(width)}  ${text}`);
    const shown = lines.slice(0, MAX_LIVE_LINES);
    if (shown.length < lines.length) shown.push(`… and ${lines.length - shown.length} more`);
    erase();
    err(shown.map((line) => `${fit(plainText(line), columns() - 1)}\n`).join(""));
    drawn = shown.length;
  };
  const timer = live ? setInterval(draw, 1000 / FRAMES_PER_SECOND) : undefined;
  return {
    step(host, text) {
      working.set(host, text);
      if (!live) note(`ipbench: ${host}: ${text}`);
    },
    sent(host, bytes, total) {
      if (live) working.set(host, sentText(bytes, total));
    },
    done(host, text) {
      working.delete(host);
      erase();
      out(`${host.padEnd(width)}  ${plainText(text)}\n`);
    },
    line(text) {
      erase();
      note(text);
    },
    close() {
      clearInterval(timer);
      erase();
    },
  };
}

/** "copying 45 %, 46 of 101 MB". */
function sentText(bytes: number, total: number): string {
  const share = total === 0 ? 100 : Math.floor(bytes / total * 100);
  return `copying ${String(share).padStart(3)} %, ${megabytes(bytes)} of ${megabytes(total)} MB`;
}

/** Megabytes for a person. */
export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0);
}
