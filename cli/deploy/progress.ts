/**
 * How far `ipbench deploy` has come: a line a machine that stays in place on a terminal, else a line a step.
 *
 * @module
 */

import { plainText } from "../terminal/text.ts";
import { canRewrite, err, note, out } from "../terminal/io.ts";
import { LiveBlock } from "../terminal/live_block.ts";
import { LiveTable } from "../terminal/live_table.ts";

/** Times a second that lines are drawn. */
const FRAMES_PER_SECOND = 5;

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
  const block = canRewrite(Deno.stderr) ? new LiveBlock(err) : null;
  const table = new LiveTable();
  const working = new Map<string, string>();
  const timer = block === null ? undefined : setInterval(() => {
    const { columns, rows } = LiveBlock.room();
    const hosts = Array.from(working.keys());
    const shown = hosts.length <= rows ? hosts : hosts.slice(0, rows - 1);
    const lines = shown.map((host) => ({
      name: plainText(host),
      content: plainText(working.get(host) ?? ""),
    }));
    const drawn = table.set(lines, LiveTable.nameWidth(shown, columns), columns);
    if (shown.length < hosts.length) drawn.push(`… and ${hosts.length - shown.length} more`);
    block.draw(drawn);
  }, 1000 / FRAMES_PER_SECOND);
  return {
    step(host, text) {
      working.set(host, text);
      if (block === null) note(`ipbench: ${host}: ${text}`);
    },
    sent(host, bytes, total) {
      if (block !== null) working.set(host, sentText(bytes, total));
    },
    done(host, text) {
      working.delete(host);
      out(`${host.padEnd(width)}  ${plainText(text)}\n`);
    },
    line: note,
    close() {
      clearInterval(timer);
      block?.close();
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
