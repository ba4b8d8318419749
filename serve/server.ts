/**
 * The server: which address gives which page. Everything that it serves is read, nothing is changed.
 *
 * @module
 */

import liveScript from "./assets/live.js" with { type: "text" };
import { makeReport, type NamedResult } from "../results/answers.ts";
import { liveEvents } from "./events.ts";
import { type GuardOptions, plain, refusal } from "./guard.ts";
import { MAX_COMPARED, MAX_READERS, MAX_REQUESTS, READER_TURN_MS } from "./limits.ts";
import type { LiveRuns } from "./live_runs.ts";
import { indexPage } from "./pages/index.ts";
import { livePage } from "./pages/live.ts";
import { errorPage } from "./pages/error.ts";
import { ROWS, wantedOf } from "./pages/lists.ts";
import { seriesListPage, seriesPage, wantedOfSeries } from "./pages/series.ts";
import type { HistoryResults } from "./history_results.ts";
import type { Results } from "./results.ts";

/** What is served, to whom. */
export interface ServedPages {
  runs: LiveRuns;
  /** Where there are results; none: runs that go on alone. */
  results: readonly Results[];
  /** `null`: there is no history. */
  history: HistoryResults | null;
  guard: GuardOptions;
}

/** No script but ours, no address but this one, no page of others around ours. */
const HEADERS: Record<string, string> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/** See the module. */
export class PageServer {
  #requests = 0;
  /** Those of live figures and since when they are, the oldest first. */
  readonly #readers = new Map<AbortController, number>();

  /**
   * @param pages What is served.
   * @param turnMs How long a reader of live figures keeps its place when others want it.
   */
  constructor(readonly pages: ServedPages, readonly turnMs = READER_TURN_MS) {}

  /**
   * Answers a request.
   *
   * @param request The request.
   * @returns The answer, also to what is refused or fails.
   */
  async handle(request: Request): Promise<Response> {
    if (this.#requests >= MAX_REQUESTS) return secured(plain(503, "too many requests at once\n"));
    this.#requests++;
    try {
      return secured(refusal(request, this.pages.guard) ?? await this.#route(new URL(request.url)));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return secured(page(errorPage("This could not be shown", text), 500));
    } finally {
      this.#requests--;
    }
  }

  async #route(url: URL): Promise<Response> {
    const { runs, results, history } = this.pages;
    const { pathname } = url;
    const query = url.searchParams;
    if (pathname === "/") return await this.#index(query);
    if (pathname === "/series" && history !== null) {
      return page(seriesListPage(await history.series(), query));
    }
    if (pathname === "/live.js") return text(liveScript, "text/javascript");
    if (pathname === "/live.json") {
      return text(
        JSON.stringify(runs.list().map(({ peers: _p, notes: _n, console: _c, ...state }) => state)),
        "application/json",
      );
    }
    if (pathname === "/compare") return await this.#compare(query);
    const [, kind, id = "", rest] =
      /^\/(live|runs|series)\/([0-9A-Za-z_-]{1,64})(\/events|\/known)?$/.exec(pathname) ?? [];
    if (kind === "live") {
      const known = runs.get(id);
      if (known !== null && rest === undefined) return page(livePage(known.state, results.length > 0));
      if (known !== null && rest === "/events") return this.#events(id);
    }
    if (kind === "runs" && rest === "/known") {
      return text(
        String((await Promise.all(results.map((each) => each.has(id)))).includes(true)),
        "application/json",
      );
    }
    if (kind === "runs" && rest === undefined) {
      const found = await this.#read(id);
      if (found !== null) return page(withWayBack(await makeReport([found], { title: found.file })));
      for (const source of results) {
        const kept = await source.page(id);
        if (kept !== null) return page(withWayBack(kept));
      }
    }
    if (kind === "series" && rest === undefined) {
      const { metric, part } = wantedOfSeries(query);
      const shown = await history?.show(id, metric, part) ?? null;
      if (shown !== null) return page(seriesPage(shown, query));
    }
    return page(
      errorPage("There is nothing here", "The run is not known here, or the address is wrong."),
      404,
    );
  }

  async #index(query: URLSearchParams): Promise<Response> {
    const { runs, results, history } = this.pages;
    const wanted = wantedOf(query.get("q") ?? "");
    const at = Number(query.get("page") ?? 1);
    const offset = at > 1 && Number.isSafeInteger(at * ROWS) ? (at - 1) * ROWS : 0;
    const listings = await Promise.all(results.map(async (source) => ({
      title: source.title,
      ...await source.list({ ...wanted, limit: ROWS, offset }),
    })));
    return page(indexPage(runs.list(), listings, query, history !== null));
  }

  /** The first that has it. */
  async #read(id: string): Promise<NamedResult | null> {
    for (const source of this.pages.results) {
      const found = await source.read(id);
      if (found !== null) return found;
    }
    return null;
  }

  #events(id: string): Response {
    const now = performance.now();
    const [[oldest, since] = []] = this.#readers;
    if (oldest !== undefined && since !== undefined && this.#readers.size >= MAX_READERS) {
      if (now - since < this.turnMs) return plain(503, "too many readers of live figures\n");
      oldest.abort();
    }
    const turn = new AbortController();
    this.#readers.set(turn, now);
    const body = liveEvents(this.pages.runs, id, () => this.#readers.delete(turn), turn.signal);
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  async #compare(query: URLSearchParams): Promise<Response> {
    const sides = await Promise.all(["a", "b"].map(async (side) => {
      const ids = query.getAll(side).flatMap((text) => text.split(",")).slice(0, MAX_COMPARED);
      const read = await Promise.all(ids.map((id) => this.#read(id)));
      return read.filter((result) => result !== null);
    }));
    const [a = [], b = []] = sides;
    if (a.length === 0 || b.length === 0) {
      return page(
        errorPage("Nothing to compare", "Choose at least one run as A, the base, and one as B."),
        400,
      );
    }
    const { compareResults } = await import("../results/answers.ts");
    const { compareHtml } = await import("../results/compare/html.ts");
    const { comparison } = await compareResults(a, b, { allow: query.getAll("allow") });
    const { refusals } = comparison.pairing;
    if (refusals.length > 0) {
      const reasons = refusals.map(({ text }) => text).join("; ");
      const allowed = [...new Set([...query.getAll("allow"), ...refusals.map(({ what }) => what)])];
      const next = new URLSearchParams(query);
      next.delete("allow");
      for (const what of allowed) next.append("allow", what);
      return page(
        errorPage("These runs are not comparable", reasons, {
          href: `/compare?${next}`,
          text: "Compare them all the same",
        }),
        409,
      );
    }
    const nameOf = (side: typeof a) =>
      side.length === 1 ? side[0]!.file : `${side[0]!.file} and ${side.length - 1} more`;
    return page(withWayBack(compareHtml(comparison, { a: nameOf(a), b: nameOf(b) })));
  }
}

/** Reports are files elsewhere; here there is somewhere to go back to. */
function withWayBack(report: string): string {
  return report.replace(
    /<p class="brand">(.*?)<\/p>/,
    '<p class="brand"><a href="/">ipbench serve</a> · $1</p>',
  );
}

function page(content: string, status = 200): Response {
  return text(content, "text/html", status);
}

function text(content: string, type: string, status = 200): Response {
  return new Response(content, { status, headers: { "content-type": `${type}; charset=utf-8` } });
}

function secured(response: Response): Response {
  for (const [name, value] of Object.entries(HEADERS)) response.headers.set(name, value);
  return response;
}
