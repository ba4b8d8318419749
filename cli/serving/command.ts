/**
 * `ipbench serve`: runs that go on and results, as pages for a browser.
 *
 * @module
 */

import type { Command } from "commander";
import { variable } from "../../ffi/mod.ts";
import { messageOf } from "../../base/errors.ts";
import { DEFAULT_LISTEN } from "../../serve/limits.ts";
import { feedPlace, FeedReceiver } from "../../serve/live_feed.ts";
import { LiveRuns } from "../../serve/live_runs.ts";
import { addPageOptions, listenAddress, type PageOptions, startPages } from "./page_server.ts";
import { HistoryResults } from "../../serve/history_results.ts";
import { usableHistory } from "../history/open.ts";
import { historyPath } from "../history/recorder.ts";
import { repeated } from "../repeated.ts";
import { FolderResults } from "./served_results.ts";
import { catchInterruption } from "../signals.ts";
import { labelled } from "../terminal/live_screen.ts";
import { note } from "../terminal/io.ts";

const HELP = `
Shows runs of this user on this machine while they go on (rate, loss and
percentiles of every tester, less than a second old), what was measured before
(the history as runs and as series over time), and the documents of files and
folders (runs, searches, meshes, quick looks, sweeps), each with its report; and
comparisons. Every page has an address that can be sent to somebody who may read
it. Nothing can be changed there.

It listens on this machine alone; to be reached from elsewhere it needs a token
(readers open http://HOST:PORT/?token=TOKEN once), a certificate for TLS, or
both. On another machine: ssh -L 8080:127.0.0.1:8080 lab

Examples:
  ipbench serve
  ipbench serve results/
  ipbench serve --listen 0.0.0.0:8080 --token-file token results/
  ipbench run lab.xml --serve      (the pages of one run, by that run)

Exit status: 0 ended by Ctrl-C, 1 it could not start, 2 wrong use.
`;

interface ServeOptions extends PageOptions {
  listen: string;
  history?: string;
}

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const command = program.command("serve")
    .description("show runs that go on, and results, in a browser, until Ctrl-C")
    .argument("[paths...]", "result documents (JSON), or folders of them")
    .option("--listen <address>", "where, such as 8080 or 127.0.0.1:8080", DEFAULT_LISTEN)
    .option(
      "--history <file|off>",
      "the history (default: $IPBENCH_HISTORY, ~/.local/share/ipbench/history.sqlite)",
    );
  addPageOptions(command)
    .option("--name <name>", "a name by which browsers call this machine; repeatable", repeated)
    .addHelpText("after", HELP)
    .action(async (paths: string[], options: ServeOptions) => await serve(paths, options));
}

async function serve(paths: string[], options: ServeOptions): Promise<void> {
  const address = listenAddress(options.listen);
  for (const path of paths) {
    if (!await exists(path)) {
      note(labelled("warning", `${path}: no such file; what comes there is shown then`));
    }
  }
  const runs = new LiveRuns();
  const path = await historyPath(options.history);
  if (options.history !== undefined && path !== null) await usableHistory(path);
  const history = path === null ? null : new HistoryResults(path);
  const results = [
    ...history === null ? [] : [history],
    ...paths.length === 0 ? [] : [new FolderResults(paths)],
  ];
  const server = await startPages(address, { runs, results, history }, options);
  const feed = await follow(runs);
  using interruption = catchInterruption(() => {});
  note(`ipbench serve: ready: ${server.url}`);
  await new Promise<void>((resolve) =>
    interruption.signal.addEventListener("abort", () => resolve(), { once: true })
  );
  feed?.close();
  await server.close();
}

/** Runs of other processes. Without them results are served all the same. */
async function follow(runs: LiveRuns): Promise<FeedReceiver | null> {
  const place = feedPlace((name) => variable(name) ?? "");
  try {
    if (place === null) throw new Error("neither XDG_RUNTIME_DIR nor HOME names a folder for it");
    return await FeedReceiver.open(place, runs);
  } catch (error) {
    note(labelled("warning", `runs that go on are not shown: ${messageOf(error)}`));
    return null;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (error) => !(error instanceof Deno.errors.NotFound));
}
