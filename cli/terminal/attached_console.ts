/**
 * The lines of a console of somebody else, such as a target's serial line, with the time at which each came.
 *
 * @module
 */

import { basename } from "node:path";
import { within } from "../../base/deadline.ts";
import { monotonicNowNs } from "../../ffi/mod.ts";
import type { AttachedConsole } from "../../results/document/document.ts";
import { EXIT, ExitError } from "../exit.ts";
import { reasonOf } from "../input/read_bytes.ts";

/** Lines that are kept, the first ones. */
const MOST_LINES = 10_000;
/** Characters of a line that are kept. */
const MOST_CHARACTERS = 500;
/** Between two reads of a file that grows, in milliseconds. */
const LOOK_MS = 100;
/** What comes at the end is waited for so long. */
const REST_MS = 500;
const BLOCK_BYTES = 64 * 1024;

/** Reads a console while a run goes on. */
export class ConsoleReader {
  /** Is told each line that is complete, also those that are too many to be kept. */
  onLine: ((text: string) => void) | null = null;
  readonly #decoder = new TextDecoder();
  readonly #lines: AttachedConsole["lines"] = [];
  #dropped = 0;
  #rest = "";
  /** When the first byte of the line that is not complete came. */
  #restNs = 0;
  #ended = false;
  readonly #reading: Promise<void>;

  private constructor(readonly name: string, readonly file: Deno.FsFile | typeof Deno.stdin, grows: boolean) {
    this.#reading = this.#read(grows).catch(() => {});
  }

  /**
   * Begins to read: of a file that is there, what is written to it from now on; of a pipe, a terminal or a serial line, what
   * comes.
   *
   * @param path The file; "-" for the standard input.
   * @throws {ExitError} when it cannot be read.
   */
  static async open(path: string): Promise<ConsoleReader> {
    if (path === "-") return new ConsoleReader("standard input", Deno.stdin, false);
    try {
      const { isFile, isDirectory } = await Deno.stat(path);
      if (isDirectory) throw new Deno.errors.IsADirectory();
      const file = await Deno.open(path, { read: true });
      if (isFile) await file.seek(0, Deno.SeekMode.End);
      return new ConsoleReader(basename(path), file, isFile);
    } catch (cause) {
      throw new ExitError(EXIT.USAGE, `--attach ${path}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** Ends the reading, and gives what came. */
  async end(): Promise<AttachedConsole> {
    this.#ended = true;
    await within(this.#reading, REST_MS);
    if (this.#rest !== "") this.#line(this.#rest, this.#restNs);
    this.#rest = "";
    if (this.file !== Deno.stdin) this.file.close();
    return { name: this.name, lines: this.#lines, dropped: this.#dropped };
  }

  async #read(grows: boolean): Promise<void> {
    const block = new Uint8Array(BLOCK_BYTES);
    for (;;) {
      const ended = this.#ended;
      const got = await this.file.read(block);
      if (got !== null && got > 0) this.#take(block.subarray(0, got));
      else if (ended || !grows) return;
      else await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  #take(bytes: Uint8Array): void {
    const nowNs = Number(monotonicNowNs());
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    const first = this.#rest === "" ? nowNs : this.#restNs;
    this.#rest = (lines.pop() ?? "").slice(0, MOST_CHARACTERS);
    lines.forEach((line, n) => this.#line(line, n === 0 ? first : nowNs));
    this.#restNs = lines.length > 0 ? nowNs : first;
  }

  #line(text: string, atNs: number): void {
    const line = text.replace(/\r$/, "").slice(0, MOST_CHARACTERS);
    this.onLine?.(line);
    if (this.#lines.length >= MOST_LINES) this.#dropped++;
    else this.#lines.push({ at_ns: atNs, text: line });
  }
}
