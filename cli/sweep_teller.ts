/**
 * What `ipbench sweep` says on stderr while it goes on.
 *
 * @module
 */

import { formatDuration, formatNanoseconds } from "../config/values.ts";
import type { SweepEvent } from "../controller/sweep/run_sweep.ts";
import type { IndexPoint } from "../controller/sweep/sweep_index.ts";
import { plainText } from "./format.ts";
import { note, stderrIsTerminal } from "./io.ts";
import { openProgress, type Progress } from "./live_screen.ts";

/** Says on stderr how far the sweep is. */
export class SweepTeller {
  readonly #quiet: boolean;
  #progress: Progress | null = null;

  /** @param quiet Errors and warnings alone. */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  /** Takes one event. */
  take(event: SweepEvent): void {
    if (event.kind === "progress") this.#progress?.take(event.event);
    else if (event.kind === "point") {
      this.close();
      this.#progress = openProgress(!this.#quiet && stderrIsTerminal() ? "live" : "quiet");
      if (event.attempt > 1) {
        this.line(`ipbench: ${nameOf(event.point)}: INVALID, measured again (${event.point.reason})`);
      }
    } else this.line(lineOf(event));
  }

  /** Says a line, above live lines, that nobody needs who wants quiet. */
  line(text: string): void {
    if (!this.#quiet) this.say(plainText(text));
  }

  /** Says a line, above live lines. */
  say(text: string): void {
    if (this.#progress === null) note(text);
    else this.#progress.line(text);
  }

  /** Ends live lines. */
  close(): void {
    this.#progress?.close();
    this.#progress = null;
  }
}

function lineOf(event: Exclude<SweepEvent, { kind: "progress" | "point" }>): string {
  if (event.kind === "begin") return `ipbench: ${event.total} points, ${event.done} done already`;
  if (event.kind === "branch") {
    return `ipbench: ${event.until}: the branch ${event.branch} ends, ${event.skipped} points left out`;
  }
  const { point, finished, total, secondsLeft } = event;
  const left = secondsLeft === null || secondsLeft === 0 ? "" : `; ${formatDuration(secondsLeft)} left`;
  return `ipbench: ${finished}/${total} ${nameOf(point)}: ${outcomeOf(point)}${left}`;
}

function nameOf(point: IndexPoint): string {
  return [...Object.entries(point.values).map(([name, value]) => `${name}=${value}`), `#${point.repetition}`]
    .join(" ");
}

function outcomeOf(point: IndexPoint): string {
  const { figures, verdict, reason } = point;
  if (verdict === null) return "not measured";
  const parts: string[] = [verdict];
  if (figures?.loss_ratio !== null && figures?.loss_ratio !== undefined) {
    parts.push(`loss ${Number((figures.loss_ratio * 100).toPrecision(3))}%`);
  }
  if (figures?.p99_ns !== null && figures?.p99_ns !== undefined) {
    parts.push(`p99 ${formatNanoseconds(figures.p99_ns)}`);
  }
  if (verdict !== "VALID" && reason !== null) parts.push(reason);
  return parts.join(", ");
}
