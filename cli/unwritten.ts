/**
 * Files that could not be written while something long goes on: a full disk does not end what took hours, but it is reported,
 * when it happens and at the end, and the exit status is not 0.
 *
 * @module
 */

import { EXIT, ExitError } from "./exit.ts";
import { note } from "./terminal/io.ts";
import { labelled } from "./terminal/live_screen.ts";
import { reasonOf } from "./input/read_bytes.ts";

/** Most names of files in the last sentence. */
const MAX_NAMES = 5;

/** Remembers which files are missing, and why. */
export class Unwritten {
  readonly #files = new Map<string, unknown>();
  readonly #work: string;

  /** @param work What goes on all the same, such as "search". */
  constructor(work: string) {
    this.#work = work;
  }

  /**
   * Writes a file, or notes that it is missing.
   *
   * @param path Its name, for the user.
   * @param write Writes it whole or not at all.
   * @returns Whether it was written.
   */
  async attempt(path: string, write: () => Promise<void>): Promise<boolean> {
    try {
      await write();
    } catch (error) {
      if (!this.#files.has(path)) {
        const text = `cannot write ${path}: ${reasonOf(error)}; the ${this.#work} goes on without it`;
        note(labelled("warning", text));
      }
      this.#files.set(path, error);
      return false;
    }
    this.#files.delete(path);
    return true;
  }

  /**
   * Ends a command: what it reports of its result, and what is missing.
   *
   * @param report Prints the former; may throw an {@linkcode ExitError}.
   * @param problem A document that could not be written at the end.
   * @throws {ExitError} when anything is wrong.
   */
  end(report: () => void, problem: ExitError | null = null): void {
    const sentences = [this.#sentence(), problem?.message ?? null].filter((text) => Boolean(text));
    let code: number = problem?.code ?? EXIT.FAILED;
    try {
      report();
      if (sentences.length === 0 && problem === null) return;
    } catch (error) {
      if (!(error instanceof ExitError) || (sentences.length === 0 && problem === null)) throw error;
      code = error.code;
      if (error.message !== "") sentences.unshift(error.message);
    }
    throw new ExitError(code, sentences.join("\n"));
  }

  #sentence(): string | null {
    const names = [...this.#files.keys()];
    if (names.length === 0) return null;
    const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
    const why = [...new Set([...this.#files.values()].map(reasonOf))].join("; ");
    return `could not write ${names.slice(0, MAX_NAMES).join(", ")}${more}: ${why}`;
  }
}

/** What a command does with its result at the end: a step that fails keeps none of the others from being taken. */
export class LastSteps {
  readonly #failed: ExitError[] = [];

  /**
   * Takes a step.
   *
   * @param step Prints or writes something; an {@linkcode ExitError} of it is kept for the end.
   */
  async take(step: () => void | Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof ExitError)) throw error;
      this.#failed.push(error);
    }
  }

  /** What went wrong, as one error; `null`: nothing. */
  get problem(): ExitError | null {
    try {
      this.end(EXIT.OK);
      return null;
    } catch (error) {
      return error as ExitError;
    }
  }

  /**
   * Ends the command.
   *
   * @param status How it ends by its result.
   * @param message What it says of that, if anything.
   * @throws {ExitError} when that is not well, or a step failed.
   */
  end(status: number, message = ""): void {
    const told = this.#failed.filter(({ code }) => code !== EXIT.BROKEN_PIPE);
    const sentences = [message, ...told.map((error) => error.message)].filter((text) => text !== "");
    if (status !== EXIT.OK) throw new ExitError(status, sentences.join("\n"));
    if (told.length > 0) throw new ExitError(EXIT.FAILED, sentences.join("\n"));
    if (this.#failed.length > 0) throw new ExitError(EXIT.BROKEN_PIPE);
  }
}
