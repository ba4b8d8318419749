/**
 * What a quick look shows while it goes on: a live line on a terminal, else a line a phase.
 *
 * @module
 */
import { formatRate, formatTime } from "../../base/figures.ts";
import { PHASE_WORDS } from "../../controller/quick/missing.ts";
import type { QuickEvent } from "../../controller/quick/run_quick.ts";
import { canRewrite, err, note } from "./io.ts";
import { LiveBlock } from "./live_block.ts";
import { labelled, warningLine } from "./live_screen.ts";
import { fit, plainText } from "./text.ts";

/** Between two drawings of the live line, in milliseconds. */
const FRAME_MS = 200;
/** Different warnings that are shown. */
const MAX_WARNINGS = 10;

/** Shows what happens, on stderr. */
export class QuickProgress {
  readonly #block = canRewrite(Deno.stderr) ? new LiveBlock(err) : null;
  readonly #warned = new Set<string>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #step = "";
  #figures = new Map<string, string>();
  #untilMs: number | null = null;

  /** Takes note of an event. */
  take(event: QuickEvent): void {
    if (event.kind === "run") return this.#takeRun(event);
    this.#figures.clear();
    this.#step = event.kind === "step" ? plainText(event.text) : PHASE_WORDS[event.phase];
    if (event.kind === "phase") this.#untilMs = performance.now() + 1000 * event.leftSeconds;
    if (this.#block === null) {
      note(`ipbench: ${event.kind === "step" ? this.#step : `measuring: ${this.#step}`}`);
    } else this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
  }

  #takeRun({ event }: Extract<QuickEvent, { kind: "run" }>): void {
    if (event.kind === "warning" && !this.#warned.has(event.text)) {
      this.#warned.add(event.text);
      if (this.#warned.size <= MAX_WARNINGS) note(warningLine(event.peer, event.text));
    }
    if (event.kind === "error") note(labelled("error", event.text));
    if (event.kind !== "progress" || event.peer.role !== "client") return;
    const { rateBps, sentBps, p50Ns } = event.progress;
    if (p50Ns) this.#figures.set("probe", `round trip ${formatTime(p50Ns)}`);
    else if (rateBps || sentBps) this.#figures.set("load", formatRate((rateBps ?? 0) + (sentBps ?? 0), 3));
  }

  #draw(): void {
    const left = this.#untilMs === null
      ? ""
      : `at most ${Math.max(0, (this.#untilMs - performance.now()) / 1000).toFixed(0)} s left`;
    const line = ["ipbench quick", this.#step, ...this.#figures.values(), left].filter((part) => part !== "")
      .join("  ");
    this.#block?.draw([fit(line, LiveBlock.room().columns)]);
  }

  /** Takes the live line away. */
  close(): void {
    clearInterval(this.#timer);
    this.#block?.close();
  }
}
