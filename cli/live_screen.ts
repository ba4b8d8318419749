/**
 * Live lines on a terminal: drawn, drawn over, and taken away again; or plain lines where there is no terminal.
 *
 * @module
 */

import { formatAddress } from "../config/address.ts";
import type { PeerName, ProgressEvent } from "../controller/progress.ts";
import { plainText } from "./format.ts";
import { columns, err, note, stderrHasColours, stderrIsTerminal } from "./io.ts";
import { LiveView } from "./live_view.ts";
import { styleText } from "node:util";

/** Times a second that live lines are drawn. */
const FRAMES_PER_SECOND = 5;
/** Most live lines, however many clients there are. */
const MAX_LIVE_LINES = 20;

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
 * @returns The way to show it.
 */
export function openProgress(wish: Verbosity): Progress {
  const live = wish === "live" && stderrIsTerminal() && Deno.env.get("TERM") !== "dumb";
  const view = new LiveView();
  let drawn = 0;
  const erase = () => {
    if (drawn > 0) err(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = () => {
    const lines = view.frame(performance.now(), columns() - 1, MAX_LIVE_LINES);
    const up = drawn > 0 ? `\x1b[${drawn}A` : "";
    err(up + lines.map((line) => `\x1b[K${line}\n`).join("") + "\x1b[J");
    drawn = lines.length;
  };
  const timer = live ? setInterval(draw, 1000 / FRAMES_PER_SECOND) : undefined;
  const line = (text: string) => {
    erase();
    note(text);
  };
  return {
    line,
    take(event) {
      const now = performance.now();
      view.take(event, now);
      if (event.kind === "error") line(labelled("error", event.text));
      else if (event.kind === "warning") {
        line(warningLine(event.peer, event.text));
      } else if (wish !== "quiet" && !live) view.plain(event, now).forEach(note);
    },
    close() {
      clearInterval(timer);
      erase();
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
  const colour = label === "error" ? "red" : "yellow";
  const shown = stderrHasColours() ? styleText(colour, `${label}:`, { validateStream: false }) : `${label}:`;
  return `ipbench: ${shown} ${plainText(text)}`;
}
