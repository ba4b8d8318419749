/**
 * The history for pages: its runs as results, and its series.
 *
 * @module
 */

import {
  History,
  HistoryError,
  loadText,
  type MetricInfo,
  OBSERVATIONS,
  observationsOf,
  type RunEntry,
  type SeriesEntry,
  type SeriesRun,
  testText,
} from "../history/mod.ts";
import { parseDocument } from "../results/document/parse.ts";
import type { NamedResult } from "../results/answers.ts";
import { isResult, keptPage } from "./kept_page.ts";
import type { ListedRun, Results, Wanted } from "./results.ts";

/** One series with all that its page shows. */
export interface ShownSeries {
  series: SeriesEntry;
  /** Those that differ in their load alone, this one among them. */
  family: SeriesEntry[];
  /** Figures that its latest runs have. */
  metrics: MetricInfo[];
  /** The figure that is shown; `null`: there is none. */
  metric: MetricInfo | null;
  /** The latest, in the order in which they began. */
  drawn: SeriesRun[];
  /** As many of the latest as are looked at for changes. */
  observed: SeriesRun[];
  /** Those that are listed, the latest first. */
  listed: SeriesRun[];
}

/** Runs that are drawn: a page with more takes a second to appear. */
const DRAWN = 1_000;

/** Beginnings of the names of figures that answer what was asked, where there are no round trips of a single run. */
const ANSWERS = ["ndr", "throughput", "quick.rtt", "mesh.delay"];

function answerOf(metrics: readonly MetricInfo[]): MetricInfo | null {
  for (const begin of ANSWERS) {
    const [found] = metrics.filter(({ name }) => name === begin || name.startsWith(`${begin}.`))
      .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
    if (found !== undefined) return found;
  }
  return metrics[0] ?? null;
}

/** Runs and what they are called: their tests, with the load where there is one alone. */
function named(history: History, runs: RunEntry[]): [string, RunEntry][] {
  const loads = history.loads();
  return runs.map((run) => {
    const load = run.series.length === 1 ? loads.get(run.series[0]!) : undefined;
    const parts = [testText(run), load === undefined ? "" : loadText(load)];
    return [parts.filter((part) => part !== "").join(", "), run];
  });
}

/** See the module. The file is opened for each question, so that it may come later, or be replaced. */
export class HistoryResults implements Results {
  readonly title = "History";

  /**
   * @param path The history's file.
   * @param drawn Runs of a series that are drawn at most, the latest ones.
   */
  constructor(readonly path: string, readonly drawn = DRAWN) {}

  list({ words, labels, limit, offset }: Wanted): Promise<{ runs: ListedRun[]; count: number }> {
    // A commit is shown among the labels, and is none.
    const { commit, ...others } = labels;
    const all = commit === undefined ? words : [...words, commit];
    const text = all.length === 0 ? undefined : all.join(" ");
    return this.#ask({ runs: [], count: 0 }, (history) => ({
      count: history.count({ text, labels: others }),
      runs: named(history, history.list({ text, labels: others, limit, offset })).map(([name, run]) => ({
        id: run.id,
        name,
        started: run.started,
        verdict: run.verdict,
        labels: {
          ...run.commit === null ? {} : { commit: run.tag ?? run.commit.slice(0, 10) },
          ...run.labels,
        },
        series: run.series,
        single: run.kind === "run",
      })),
    }));
  }

  has(id: string): Promise<boolean> {
    return this.#ask(false, (history) => history.list({ id, limit: 1 }).some((run) => run.id === id));
  }

  read(id: string): Promise<NamedResult | null> {
    return this.#ask(null, (history) => {
      const text = history.document(id);
      if (text === null || !isResult(text)) return null;
      const document = parseDocument(text);
      return { file: `${document.test.name} ${id.slice(0, 10)}`, document };
    });
  }

  async page(id: string): Promise<string | null> {
    const text = await this.#ask(null, (history) => history.document(id));
    const run = await this.#ask(undefined, (history) => history.list({ id, limit: 1 })[0]);
    return text === null || run === undefined || isResult(text)
      ? null
      : await keptPage(text, `${testText(run)} ${id.slice(0, 10)}`);
  }

  /** All series. */
  series(): Promise<SeriesEntry[]> {
    return this.#ask([], (history) => history.series());
  }

  /**
   * One of them; `null`: there is none of that number.
   *
   * @param wanted Name of the figure; where no run has it another one is shown.
   * @param part Which runs are listed, of so many, counted from the latest.
   */
  show(
    id: string,
    wanted: string,
    part: (count: number) => { offset: number; limit: number },
  ): Promise<ShownSeries | null> {
    return this.#ask(null, (history) => {
      const every = history.series();
      const series = every.find((each) => each.id === id);
      if (series === undefined) return null;
      const drawn = history.runsOf(id, { limit: this.drawn });
      const metrics = [...history.metrics().values()].filter(({ name }) =>
        drawn.some(({ figures }) => name in figures)
      );
      const metric = metrics.find(({ name }) => name === wanted) ?? answerOf(metrics);
      // One more, for the first may be of a batch that began before.
      const enough = drawn.length === series.runs || metric === null ||
        observationsOf(drawn, metric.name).length > OBSERVATIONS;
      const { offset, limit } = part(series.runs);
      const listed = offset + limit <= drawn.length
        ? drawn.slice(drawn.length - offset - limit, drawn.length - offset)
        : history.runsOf(id, { offset, limit });
      return {
        series,
        family: every.filter(({ family }) => family === series.family),
        metrics,
        metric,
        drawn,
        observed: enough ? drawn : history.runsOf(id),
        listed: listed.toReversed(),
      };
    });
  }

  async #ask<T>(none: T, work: (history: History) => T): Promise<T> {
    if (!(await Deno.stat(this.path).then(() => true, () => false))) return none;
    try {
      using history = History.open(this.path, "read");
      return work(history);
    } catch (error) {
      if (error instanceof HistoryError && error.code === "absent") return none;
      throw error;
    }
  }
}
