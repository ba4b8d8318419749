/**
 * Live lines on a terminal: drawn, drawn over, and taken away again; or plain lines where there is no terminal.
 *
 * @module
 */

import { formatAddress } from "../../config/address.ts";
import type { PeerName, ProgressEvent } from "../../controller/run/progress.ts";
import { coloured, colourOutcome } from "./colours.ts";
import { plainText } from "./text.ts";
import { canRewrite, err, note } from "./io.ts";
import { LiveBlock } from "./live_block.ts";
import { LiveView } from "./live_view.ts";

/** Times a second that live lines are drawn. */
const FRAMES_PER_SECOND = 5;

/** Where the progress of a run goes. */
export interface Progress {
  /** To be called for each event. */
  take(event: ProgressEvent): void;
  /** Prints a line that stays, above the live lines. */
  line(text: string): void;
  /** Ends the live lines. */
  close(): void;
}

/** How much a user wants to see. */
export type Verbosity = "quiet" | "plain" | "live";

/**
 * Chooses how to show progress.
 *
 * @param wish `quiet`: errors and warnings alone; `plain`: never live lines; `live`: live lines on a terminal.
 * @param heading What runs, where live lines are to say that; see {@linkcode LiveView}.
 * @returns The way to show it.
 */
export function openProgress(wish: Verbosity, heading: readonly string[] = []): Progress {
  const live = wish === "live" && canRewrite(Deno.stderr);
  const view = new LiveView(heading);
  const block = live ? new LiveBlock(err) : null;
  let timer: ReturnType<typeof setInterval> | undefined;
  // Before the first event there is nothing to show.
  const begin = (block: LiveBlock) =>
    setInterval(() => {
      const { columns, rows } = LiveBlock.room();
      const lines = view.frame(performance.now(), columns, rows);
      block.draw(lines.map((line) => colourOutcome(Deno.stderr, line)));
    }, 1000 / FRAMES_PER_SECOND);
  return {
    line: note,
    take(event) {
      if (block !== null) timer ??= begin(block);
      const now = performance.now();
      view.take(event, now);
      if (event.kind === "error") note(labelled("error", event.text));
      else if (event.kind === "warning") note(warningLine(event.peer, event.text));
      else if (wish !== "quiet" && !live) view.plain(event, now).forEach(note);
    },
    close() {
      clearInterval(timer);
      block?.close();
    },
  };
}

/** How a warning of a run is shown: with the daemon's address before it, unless it says itself whom it is about. */
export function warningLine(peer: PeerName | null, text: string): string {
  return labelled("warning", `${whose(peer, text)}${text}`);
}

function whose(peer: PeerName | null, text: string): string {
  return peer === null || text.includes(peer.host) ? "" : `${formatAddress(peer)}: `;
}

/** "ipbench: error: …", coloured where that can be seen. */
export function labelled(label: "error" | "warning", text: string): string {
  const shown = coloured(Deno.stderr, label === "error" ? "bad" : "doubtful", `${label}:`);
  return `ipbench: ${shown} ${plainText(text)}`;
}
