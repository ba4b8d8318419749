/**
 * What `ipbench sweep` prints on stderr while it runs.
 *
 * @module
 */

import { formatDuration, formatNanoseconds } from "../../base/values.ts";
import type { SweepEvent } from "../../controller/sweep/run_sweep.ts";
import type { IndexPoint } from "../../controller/sweep/sweep_index.ts";
import { codesOf } from "../../results/document/reason_groups.ts";
import { TrialReporter } from "./trial_reporter.ts";

/** Reports on stderr how far the sweep is. */
export class SweepReporter extends TrialReporter {
  #progress = "";

  /** Takes one event. */
  take(event: SweepEvent): void {
    if (event.kind === "progress") return;
    if (event.kind === "begin") this.#progress = `${event.done + 1}/${event.total}`;
    if (event.kind === "ended") this.#progress = `${event.finished + 1}/${event.total}`;
    if (event.kind !== "point") return this.line(lineOf(event));
    const { point, attempt } = event;
    this.heading = [this.#progress, ...partsOf(point), ...attempt > 1 ? [`attempt ${attempt}`] : []];
    if (attempt > 1) this.line(`ipbench: ${nameOf(point)}: INVALID, measured again${casesOf(point)}`);
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
  return partsOf(point).join(" ");
}

function partsOf(point: IndexPoint): string[] {
  return [...Object.entries(point.values).map(([name, value]) => `${name}=${value}`), `#${point.repetition}`];
}

function outcomeOf(point: IndexPoint): string {
  const { figures, verdict } = point;
  if (verdict === null) return "not measured";
  const parts: string[] = [verdict];
  if (figures?.loss_ratio !== null && figures?.loss_ratio !== undefined) {
    parts.push(`loss ${Number((figures.loss_ratio * 100).toPrecision(3))}%`);
  }
  if (figures?.p99_ns !== null && figures?.p99_ns !== undefined) {
    parts.push(`p99 ${formatNanoseconds(figures.p99_ns)}`);
  }
  return parts.join(", ") + casesOf(point);
}

/** What the reasons are cases of: the sentences are printed once, at the end. */
function casesOf({ details = [], reason, verdict }: IndexPoint): string {
  const text = codesOf(details) ?? reason;
  return verdict === "VALID" || text === null ? "" : ` (${text})`;
}
