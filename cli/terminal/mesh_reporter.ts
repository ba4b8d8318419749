/**
 * What a mesh reports while it goes on: a line or two a round.
 *
 * @module
 */
import { formatDuration } from "../../base/values.ts";
import type { MeshEvent } from "../../controller/mesh/run_mesh.ts";
import { note } from "./io.ts";
import { plainText } from "./text.ts";

/** Reports a mesh. */
export class MeshReporter {
  readonly #quiet: boolean;

  /** @param quiet whether only what went wrong is told */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  /** Takes note of an event. */
  take(event: MeshEvent): void {
    if (event.kind === "lost") this.line(`ipbench: ${event.host} failed: ${event.why}`);
    if (this.#quiet) return;
    if (event.kind === "round") {
      const { round, of, pairs, what } = event;
      this.line(`round ${round} of ${of}: ${what} of ${pairs} direction${pairs === 1 ? "" : "s"}`);
    }
    if (event.kind === "again") {
      this.line(
        `looking again at ${
          event.links === 1 ? "a link that stands" : `${event.links} links that stand`
        } out`,
      );
    }
    if (event.kind === "ended" && event.secondsLeft !== null && event.round < event.of) {
      this.line(
        `round ${event.round} of ${event.of} is over, about ${formatDuration(event.secondsLeft)} left`,
      );
    }
  }

  /** A line on stderr. */
  line(text: string): void {
    note(plainText(text));
  }
}
