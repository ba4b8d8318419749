/**
 * A run as pages show it while it goes on: served by the run itself (`--serve`), and sent to the user's `ipbench serve`.
 *
 * @module
 */

import { NO_TARGET, type RunDescription, testsOf } from "../../config/run_description.ts";
import type { ProgressEvent } from "../../controller/run/progress.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import { variable } from "../../ffi/mod.ts";
import { feedPlace, FeedSender } from "../../serve/live_feed.ts";
import { EVERY_MS } from "../../serve/limits.ts";
import { LiveRun } from "../../serve/live_run.ts";
import { note } from "../terminal/io.ts";
import { figuresLine } from "../run_outcome.ts";
import { viewsOf } from "../../results/document/class_view.ts";

/** Where a run's events go. */
export interface LivePages {
  take(event: ProgressEvent): void;
  /** What has come in so far. */
  partial(document: ResultDocument): void;
  /** A line of an attached console has come. */
  line(name: string, text: string): void;
  /** The run is over, with a document or without. */
  close(document: ResultDocument | null): Promise<void>;
}

/**
 * Opens what shows a run.
 *
 * @param title What runs.
 * @param serve Value of `--serve`: an address, `true` for the usual one, `undefined` for none.
 * @returns `null` when nobody wants to see it.
 * @throws {ExitError} when pages cannot be served there.
 */
export async function openLivePages(
  title: string,
  serve: string | true | undefined,
): Promise<LivePages | null> {
  const place = feedPlace((name) => variable(name) ?? "");
  const feed = place === null ? null : await FeedSender.open(place.path);
  if (feed === null && serve === undefined) return null;
  const live = new LiveRun(title, Date.now());
  const own = serve === undefined ? null : await serveRun(serve);
  const show = () => {
    const state = live.state(Date.now());
    own?.runs.update(state);
    feed?.send(state);
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    take(event) {
      live.take(event, Date.now());
      if (timer !== undefined) return;
      // With the first event it is known which run it is.
      show();
      if (own !== null) note(`ipbench: this run: ${own.url}live/${live.state(0).id}`);
      timer = setInterval(show, EVERY_MS);
    },
    partial: (document) => live.partial(document, Date.now()),
    line: (name, text) => live.line(name, text, Date.now()),
    async close(document) {
      clearInterval(timer);
      if (document !== null) {
        const figures = viewsOf(document).flatMap((view) => {
          const line = figuresLine(view.document);
          return line === null ? [] : [view.class === null ? line : `${view.class}: ${line}`];
        });
        live.end(document, figures);
        own?.runs.update(live.state(Date.now()));
        await feed?.end(live.state(Date.now()));
      } else feed?.connection.close();
      if (own !== null) await own.close();
    },
  };
}

/**
 * What runs, for the title of its page.
 *
 * @param description The run.
 * @param configPath Its configuration, where it has one.
 */
export function titleOf(description: RunDescription, configPath?: string): string {
  const tests = testsOf(description).map(({ name, test }) => name === "" ? test : `${name} (${test})`);
  const targets = [...new Set(description.clients.map(({ target }) => target))].filter((target) =>
    target !== NO_TARGET
  );
  const to = targets.length === 0
    ? ""
    : targets.length === 1
    ? ` to ${targets[0]}`
    : ` to ${targets.length} targets`;
  return `${tests.join(", ")}${to}${configPath === undefined || configPath === "-" ? "" : `, ${configPath}`}`;
}

/** A server of this run alone. */
async function serveRun(serve: string | true) {
  const [{ listenAddress, startPages }, { LiveRuns }, { DEFAULT_LISTEN }] = await Promise.all([
    import("./page_server.ts"),
    import("../../serve/live_runs.ts"),
    import("../../serve/limits.ts"),
  ]);
  const runs = new LiveRuns();
  const server = await startPages(listenAddress(serve === true ? DEFAULT_LISTEN : serve), {
    runs,
    results: [],
    history: null,
  }, {});
  return { runs, ...server };
}
