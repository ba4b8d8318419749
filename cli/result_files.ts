/**
 * The files, pipes and standard streams that commands write their results to.
 *
 * @module
 */

import { dirname } from "node:path";
import { writeFileAtomic, writePieces } from "../controller/store/atomic_file.ts";
import { findPlace, openStream, type Place } from "../controller/store/place.ts";
import { EXIT, ExitError } from "./exit.ts";
import { err, note, out } from "./terminal/io.ts";
import { labelled } from "./terminal/live_screen.ts";
import { reasonOf } from "./input/read_bytes.ts";
import { endAtSignals } from "./signals.ts";

/** Names of the standard streams. What is behind them may be a pipe, or a file that the shell has opened. */
const STANDARD: ReadonlyMap<string, "stdout" | "stderr"> = new Map([
  ...["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].map((name) => [name, "stdout"] as const),
  ...["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"].map((name) => [name, "stderr"] as const),
]);

/** Where a command's output goes: a file that is replaced, a pipe or device that is written to, or a standard stream. */
export class Output implements AsyncDisposable {
  /**
   * @param name As the user named it.
   * @param place A standard stream, or what the name stands for.
   * @param held What keeps a file for this process.
   * @param stream A pipe or device, open.
   */
  private constructor(
    readonly name: string,
    readonly place: "stdout" | "stderr" | Place,
    readonly held: AsyncDisposable | null,
    readonly stream: Deno.FsFile | null,
  ) {}

  /**
   * Opens the place of a result before a run that may take hours: a file is kept for this process, so that two runs do not
   * write over each other; a pipe gets its reader.
   *
   * @param name File that is going to be written, "-" for the standard output; `undefined` is none.
   * @param options `shared`: other processes may write the file at the same time.
   * @throws {ExitError} when another run writes it, or it cannot be written.
   */
  static async open(name: string | undefined, options: { shared?: boolean } = {}): Promise<Output | null> {
    if (name === undefined) return null;
    const place = await placeOf(name);
    if (typeof place === "string") return new Output(name, place, null, null);
    if (place.kind === "file") {
      const held = options.shared === true ? null : await hold(name, place.path);
      return new Output(name, place, held, null);
    }
    try {
      return new Output(name, place, null, await openStream(place.path));
    } catch (cause) {
      throw new ExitError(EXIT.USAGE, `cannot write ${name}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** The file that is replaced, links followed; `null` when it is none. */
  get file(): string | null {
    return typeof this.place === "object" && this.place.kind === "file" ? this.place.path : null;
  }

  /** Whether this is the standard output; what else would go there then goes to stderr. */
  get isStdout(): boolean {
    return this.place === "stdout";
  }

  /**
   * Writes the whole output.
   *
   * @param text What it holds, whole or in pieces.
   * @throws {ExitError} when it cannot be written.
   */
  async write(text: string | Iterable<string>): Promise<void> {
    await writing(this.name, async () => {
      if (this.stream !== null) await writePieces(this.stream, text);
      else if (typeof this.place === "string") writeStandard(this.place, text);
      else await writeFileAtomic(this.place.path, text);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stream?.close();
    await this.held?.[Symbol.asyncDispose]();
  }
}

/** The place that a name stands for; wrong use when there can be no output there. */
async function placeOf(name: string): Promise<"stdout" | "stderr" | Place> {
  const standard = STANDARD.get(name);
  if (standard !== undefined) return standard;
  let place: Place;
  try {
    place = await findPlace(name);
  } catch (cause) {
    throw new ExitError(EXIT.USAGE, `cannot write ${name}: ${reasonOf(cause)}`, { cause });
  }
  const folder = dirname(place.path);
  const found = await Deno.stat(folder).catch(() => null);
  if (found === null || !found.isDirectory) {
    throw new ExitError(EXIT.USAGE, `cannot write ${name}: there is no folder ${folder}`);
  }
  return place;
}

async function hold(name: string, path: string): Promise<AsyncDisposable> {
  endAtSignals();
  const { FileLock, FileLockedError } = await import("../controller/store/file_lock.ts");
  const lock = await FileLock.take(path).catch((cause) => {
    throw new ExitError(
      EXIT.USAGE,
      cause instanceof FileLockedError
        ? `${cause.message}: wait until that has ended, or name another file`
        : `cannot write ${path}.lock: ${reasonOf(cause)}`,
      { cause },
    );
  });
  if (lock.problem !== null) {
    note(labelled("warning", `${name} cannot be locked (${lock.problem}); no other run may write it now`));
  }
  return lock;
}

/**
 * Makes a folder for output; one that is there will do.
 *
 * @throws {ExitError} when it cannot be made.
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new ExitError(EXIT.USAGE, `cannot make the folder ${folder}: ${reasonOf(cause)}`, { cause });
  }
}

function writeStandard(stream: "stdout" | "stderr", text: string | Iterable<string>): void {
  const write = stream === "stdout" ? out : err;
  for (const piece of typeof text === "string" ? [text] : text) write(piece);
}

async function writing(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (cause instanceof ExitError) throw cause;
    const why = cause instanceof Deno.errors.NotFound
      ? `there is no folder ${dirname(name)}`
      : reasonOf(cause);
    throw new ExitError(EXIT.FAILED, `cannot write ${name}: ${why}`, { cause });
  }
}

/**
 * Writes output that is ready: a file so that a reader never sees half of it, a pipe or a standard stream as it is.
 *
 * @param name The file; "-" for the standard output.
 * @param text What it will hold.
 * @throws {ExitError} when it cannot be written.
 */
export async function writeWhole(name: string, text: string): Promise<void> {
  await writing(name, async () => {
    const standard = STANDARD.get(name);
    if (standard !== undefined) writeStandard(standard, text);
    else await writeFileAtomic(name, text);
  });
}
