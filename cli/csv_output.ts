/**
 * `--csv`: a run's row at the end of a file that holds the rows of others.
 *
 * @module
 */

import { join, parse } from "node:path";
import { type RunDescription, testsOf } from "../config/run_description.ts";
import { csvAppend, csvMismatch } from "../results/export/csv_file.ts";
import { csvLine } from "../results/export/csv_row.ts";
import { viewsOf } from "../results/document/class_view.ts";
import type { ResultDocument } from "../results/document/document.ts";
import { EXIT, ExitError } from "./exit.ts";
import { Output } from "./result_files.ts";
import { reasonOf } from "./input/read_bytes.ts";

/** Most of a file's first line that is read: its header. */
const HEADER_BYTES = 64 * 1024;

/** Where the rows of a run go: one place, or one for each class, whose rows have other columns. */
export class CsvOutputs implements AsyncDisposable {
  private constructor(readonly outputs: readonly CsvOutput[], readonly isStdout: boolean) {}

  /**
   * Opens them before the run.
   *
   * @param name The file, "-" for the standard output; `undefined` is none. A class's file has its name in it, too:
   *   "rows.csv" becomes "rows-bulk.csv".
   * @param description What will be run.
   * @throws {ExitError} when nothing can be written there, or a file has the rows of another test.
   */
  static async open(name: string | undefined, description: RunDescription): Promise<CsvOutputs | null> {
    const outputs: CsvOutput[] = [];
    for (const test of testsOf(description)) {
      const path = name === undefined || test.name === "" ? name : classFile(name, test.name);
      const output = await CsvOutput.open(path);
      if (output === null) return null;
      outputs.push(output);
      await output.refuseOther({ test: test.test, pluginDirs: description.pluginDirs });
    }
    return new CsvOutputs(outputs, outputs[0]!.isStdout);
  }

  /**
   * Appends a run's rows, each after a header when its file is new.
   *
   * @param document The result.
   * @throws {ExitError} when one cannot be written; the others are all the same.
   */
  async append(document: ResultDocument): Promise<void> {
    let failure: unknown = null;
    for (const [n, view] of viewsOf(document).entries()) {
      try {
        await this.outputs[n]?.append(view.document);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const output of this.outputs) await output[Symbol.asyncDispose]();
  }
}

/** The file of a class's rows: what stands for a stream stays as it is. */
function classFile(name: string, of: string): string {
  if (name === "-" || name.startsWith("/dev/")) return name;
  const { dir, name: stem, ext } = parse(name);
  return join(dir, `${stem}-${of}${ext}`);
}

/** Where a run's row goes. */
class CsvOutput implements AsyncDisposable {
  private constructor(readonly output: Output) {}

  /**
   * Opens it before the run.
   *
   * @param name The file, "-" for the standard output; `undefined` is none.
   * @throws {ExitError} when nothing can be written there.
   */
  static async open(name: string | undefined): Promise<CsvOutput | null> {
    const output = await Output.open(name, { shared: true });
    return output === null ? null : new CsvOutput(output);
  }

  /** Whether this is the standard output. */
  get isStdout(): boolean {
    return this.output.isStdout;
  }

  /**
   * Refuses a file of another test's rows before anything is run. What a target adds to a row is known when it has printed.
   *
   * @param what The test that will be run.
   * @throws {ExitError} when the file's header has other columns than the test.
   */
  async refuseOther({ test, pluginDirs }: Pick<RunDescription, "test" | "pluginDirs">): Promise<void> {
    const path = this.output.file;
    const first = path === null ? "" : await firstLine(path);
    if (first === "") return;
    const { PluginHost } = await import("../ffi/mod.ts");
    const host = PluginHost.spawn({ pluginDirs, debug: false, log: () => {} });
    let names: string | null;
    try {
      names = (await host.load(test, "client")).csvHeader;
    } catch {
      return; // The run reports what is wrong with the test.
    } finally {
      await host.kill();
    }
    const wrong = names === null ? null : csvMismatch(first, { header: names, more: true });
    if (wrong !== null) throw this.#refusal(EXIT.USAGE, wrong);
  }

  /**
   * Appends a run's row, after a header when the file is new.
   *
   * @param document The result.
   * @throws {ExitError} when it cannot be written, or the file has other columns.
   */
  async append(document: ResultDocument): Promise<void> {
    const row = csvLine(document), header = document.csv_header ?? null;
    if (row === "") return;
    const path = this.output.file;
    if (path === null) return await this.output.write(csvAppend(row, header, { isNew: true }));
    const wrong = csvMismatch(await firstLine(path), { header, row });
    if (wrong !== null) throw this.#refusal(EXIT.FAILED, wrong);
    try {
      using file = await Deno.open(path, { read: true, append: true, create: true });
      const { size } = await file.stat();
      const endsInNewline = size === 0 || await lastByte(file, size) === 0x0a;
      const bytes = new TextEncoder().encode(csvAppend(row, header, { isNew: size === 0, endsInNewline }));
      // One write, so that two runs which append at the same time do not mix their rows.
      if (await file.write(bytes) !== bytes.length) throw new Error("the disk is full");
    } catch (cause) {
      throw new ExitError(EXIT.FAILED, `cannot append to ${this.output.name}: ${reasonOf(cause)}`, { cause });
    }
  }

  #refusal(status: number, wrong: string): ExitError {
    return new ExitError(status, `${this.output.name}: ${wrong}; give each kind of row a file of its own`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.output[Symbol.asyncDispose]();
  }
}

/** "" of a file that is empty or not there. */
async function firstLine(path: string): Promise<string> {
  try {
    using file = await Deno.open(path, { read: true });
    const bytes = new Uint8Array(HEADER_BYTES);
    const got = await file.read(bytes) ?? 0;
    return new TextDecoder().decode(bytes.subarray(0, got)).split(/\r?\n/, 1)[0]!;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return "";
    throw new ExitError(EXIT.USAGE, `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function lastByte(file: Deno.FsFile, size: number): Promise<number | undefined> {
  await file.seek(size - 1, Deno.SeekMode.Start);
  const byte = new Uint8Array(1);
  await file.read(byte);
  return byte[0];
}
