/**
 * `--output json`: a run as one stream of JSON lines on the standard output, the last of which is the result.
 *
 * @module
 */

import { outputReason } from "../../base/errors.ts";
import type { ProgressEvent } from "../../controller/run/progress.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { EXIT, ExitError } from "../exit.ts";
import { EVENTS_FORMAT, lineOf, resultLine, type StreamEvent } from "./events.ts";
import { LineWriter } from "./line_writer.ts";
import { type RunWatcher, Tallies } from "./tally.ts";

/** Time between two lines with figures, in milliseconds. */
const PROGRESS_EVERY_MS = 1000;

/** Writes the lines of one run. */
export class EventStream implements RunWatcher, Disposable {
  readonly #writer: LineWriter;
  #tallies: Tallies | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #skipped = 0;

  /**
   * @param onFailure Called once when nothing can be written any more: the reader has gone, or the reason in the sentence.
   * @param stream Where the lines go.
   */
  constructor(
    onFailure: (sentence: string, gone: boolean) => void,
    stream: { write(bytes: Uint8Array): Promise<number> } = Deno.stdout,
  ) {
    this.#writer = new LineWriter(stream, (error) => onFailure(failureOf(error).message, isGone(error)));
  }

  begin(document: ResultDocument): void {
    if (this.#tallies !== null) return;
    this.#tallies = new Tallies(document);
    this.#write({
      event: "begin",
      format: EVENTS_FORMAT,
      ipbench: document.ipbench.version,
      run: document.run.id,
      test: document.test.name,
      clients: document.clients.length,
      targets: document.targets.length,
    });
  }

  take(event: ProgressEvent): void {
    this.#tallies?.take(event);
    switch (event.kind) {
      case "phase":
        return this.#write({ event: "phase", phase: event.phase, text: event.text });
      case "warning":
        return this.#write({ event: "warning", peer: event.peer, text: event.text });
      case "error":
        return this.#write({ event: "error", peer: event.peer, phase: event.phase, text: event.text });
      case "schedule":
        this.#write({
          event: "schedule",
          lead_ns: Math.round(event.leadNs),
          expected_ns: event.expectedNs === null ? null : Math.round(event.expectedNs),
          deadline_ns: Math.round(event.deadlineNs),
        });
        this.#timer ??= setInterval(() => this.#progress(), PROGRESS_EVERY_MS);
    }
  }

  /**
   * Writes the last line, and waits until it is read.
   *
   * @throws {ExitError} when it cannot be written.
   */
  async finish(document: ResultDocument): Promise<void> {
    this[Symbol.dispose]();
    try {
      await this.#writer.finish([this.#missing()]);
      await this.#writer.finish(resultLine(document, new Date()));
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** No more lines with figures. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #progress(): void {
    for (const tally of this.#tallies?.sums() ?? []) this.#write({ event: "progress", ...tally });
  }

  #write(event: StreamEvent): void {
    const line = lineOf(event, new Date());
    if (this.#writer.offer(this.#missing() + line)) this.#skipped = 0;
    else this.#skipped++;
  }

  /** The line that stands for those that were left out; nothing when there are none. */
  #missing(): string {
    return this.#skipped === 0 ? "" : lineOf({ event: "skipped", lines: this.#skipped }, new Date());
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe;
}

function failureOf(error: unknown): ExitError {
  if (isGone(error)) return new ExitError(EXIT.BROKEN_PIPE, "", { cause: error });
  return new ExitError(EXIT.FAILED, `cannot write the events to standard output: ${outputReason(error)}`, {
    cause: error,
  });
}
