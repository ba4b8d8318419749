/**
 * Puts what was measured into the history. What goes wrong with it is a warning: a result is never lost for it.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { dirname } from "node:path";
import { messageOf } from "../../base/errors.ts";
import type { Runner } from "../../controller/run/runner.ts";
import type { Rfc2544Document } from "../../results/search/rfc2544_document.ts";
import type { SearchDocument } from "../../results/search/document.ts";
import type { NewRun, RunFacts } from "../../history/mod.ts";
import type { QuickDocument } from "../../controller/quick/quick_document.ts";
import type { MeshDocument } from "../../results/mesh/document.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { EXIT, ExitError } from "../exit.ts";
import { repeated } from "../repeated.ts";
import { note } from "../terminal/io.ts";
import { labelled } from "../terminal/live_screen.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { endAtSignals } from "../signals.ts";
import { commitOf } from "./working_folder.ts";

/** Options of commands that measure, as typed. */
export interface RecorderOptions {
  history?: string;
  label?: string[];
}

type Room = typeof import("../../history/mod.ts");

const GROUP = "History:";
/** Environment variable that names the history, or switches it off. */
const VARIABLE = "IPBENCH_HISTORY";
const LABEL = /^([A-Za-z][\w.-]{0,39})=(.{0,200})$/s;

/** Adds `--history` and `--label`. */
export function addHistoryOptions(command: Command): Command {
  const original = command.name() === "run" ? "; off without the word run" : "";
  return command
    .addOption(
      new Option(
        "--history <file|off>",
        `where the result is kept for "ipbench history" (default: $${VARIABLE}, ~/.local/share/ipbench/history.sqlite` +
          `${original})`,
      ).helpGroup(GROUP),
    )
    .addOption(
      new Option(
        "--label <name=value>",
        "a label in the history, such as board=tx2; commit= and tag= count before the working folder's; repeatable",
      ).helpGroup(GROUP).argParser(repeated),
    );
}

/**
 * The file that commands about the history read and write.
 *
 * @param given `--history` as typed.
 * @returns its path; `null`: the history is off, or there is no place for one
 */
export async function historyPath(given: string | undefined): Promise<string | null> {
  const { ownHistory } = await import("../../history/mod.ts");
  const path = given ?? (Deno.env.get(VARIABLE) || ownHistory());
  return path === "off" ? null : path;
}

/** Records the runs of one command. */
export class Recorder {
  /** The last trial of a search that came to its end. */
  #trial: ResultDocument | null = null;

  /**
   * @param path The history; `null`: nothing is kept.
   * @param facts What all its runs have in common.
   */
  private constructor(readonly path: string | null, readonly facts: RunFacts) {}

  /**
   * Finds out, before anything is measured, where results go.
   *
   * @param options As typed.
   * @param originalSpelling A run as scripts of the original start it: it leaves a history only where one is named.
   * @throws {ExitError} when a label is none, or a history that was named cannot be used.
   */
  static async open(options: RecorderOptions, originalSpelling = false): Promise<Recorder> {
    const labels = parseLabels(options.label);
    const named = options.history ?? Deno.env.get(VARIABLE);
    const off = originalSpelling && (named === undefined || named === "");
    const path = off ? null : await historyPath(options.history);
    if (path === null) return new Recorder(null, {});
    endAtSignals();
    try {
      await withHistory(path, () => {});
    } catch (error) {
      if (options.history !== undefined) throw new ExitError(EXIT.USAGE, messageOf(error), { cause: error });
      note(labelled("warning", `${messageOf(error)}; nothing is kept in it`));
      return new Recorder(null, {});
    }
    // Before the run: it is this version that is measured, and nothing else is to run meanwhile.
    const commit = await commitOf(".");
    return new Recorder(path, { batch: crypto.randomUUID(), labels, commit });
  }

  /** A runner whose documents are kept, but for those of runs that were interrupted. */
  kept(run: Runner): Runner {
    return async (description, options) => {
      const document = await run(description, options);
      if (document.run.interrupted !== true) await this.add(document);
      return document;
    };
  }

  /** A runner of trials: of the last one that came to its end is known between which machines it ran. */
  watching(run: Runner): Runner {
    return async (description, options) => {
      const document = await run(description, options);
      if (document.run.failed !== true && document.run.interrupted !== true) this.#trial = document;
      return document;
    };
  }

  /** Keeps a run's document. */
  async add(document: ResultDocument): Promise<void> {
    await this.#keep(document.run.id, ({ historyRun }, facts) => historyRun(document, facts));
  }

  /** Keeps what a search found, when one of its trials came to its end. */
  async addSearch(document: SearchDocument | Rfc2544Document): Promise<void> {
    const trial = this.#trial;
    if (trial === null) return;
    const id = "search" in document ? document.search.id : document.run.id;
    await this.#keep(id, ({ pointsOf, rfc2544Run, searchRun, withFacts }, facts) => {
      const place = pointsOf(trial).points[0]!.identity;
      return withFacts(
        "search" in document ? searchRun(document, place) : rfc2544Run(document, place),
        facts,
      );
    });
  }

  /** Keeps a quick look at a host. */
  async addQuick(document: QuickDocument): Promise<void> {
    await this.#keep("quick", ({ quickRun, withFacts }, facts) => withFacts(quickRun(document), facts));
  }

  /** Keeps a mesh, as far as it came. */
  async addMesh(document: MeshDocument): Promise<void> {
    await this.#keep("mesh", ({ meshRun, withFacts }, facts) => withFacts(meshRun(document), facts));
  }

  async #keep(id: string, make: (room: Room, facts: RunFacts) => NewRun): Promise<void> {
    const { path, facts } = this;
    if (path === null) return;
    try {
      const room = await import("../../history/mod.ts");
      await withHistory(path, (history) => history.add(make(room, facts)));
    } catch (error) {
      note(labelled("warning", `${messageOf(error)}; the run ${id} is not kept in it`));
    }
  }
}

/** Opens the history to write, and makes its folder where there is none. */
async function withHistory(
  path: string,
  work: (history: import("../../history/mod.ts").History) => void,
): Promise<void> {
  const { History, HistoryError } = await import("../../history/mod.ts");
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause) => {
    throw new HistoryError(
      "failed",
      `the folder ${folder} of the history cannot be made: ${reasonOf(cause)}`,
      { cause },
    );
  });
  using history = History.open(path, "write");
  work(history);
}

/**
 * Reads labels.
 *
 * @throws {ExitError} naming the one that is none.
 */
export function parseLabels(texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const [, name, value] = LABEL.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new ExitError(
        EXIT.USAGE,
        `--label ${JSON.stringify(text.slice(0, 80))}: expected NAME=VALUE, such as board=tx2`,
      );
    }
    return [name, value];
  }));
}
