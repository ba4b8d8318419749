/**
 * How `ipbench serve` finds the runs of other processes of the same user: it listens on a Unix socket in a folder that is
 * that user's alone, and a run that finds the socket sends its states there, one JSON text a line. A run never waits for
 * it: a state that cannot be sent at once is not sent.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";
import { within } from "../base/deadline.ts";
import { FLUSH_MS, MAX_FEEDS, MAX_STATE } from "./limits.ts";
import { type LiveState, parseState } from "./live_state.ts";
import type { LiveRuns } from "./live_runs.ts";

/** Longest path of a Unix socket: `sun_path` with its end (unix(7)). */
const MAX_PATH = 107;

/**
 * Where the socket is: in the user's runtime folder (XDG_RUNTIME_DIR), or else below the home folder.
 *
 * @param variable Gives an environment variable, "" when it is not set.
 * @returns Folder and path; `null` where there is no place for it.
 */
export function feedPlace(variable: (name: string) => string): { folder: string; path: string } | null {
  const runtime = variable("XDG_RUNTIME_DIR"), home = variable("HOME");
  const base = runtime.startsWith("/") ? runtime : home.startsWith("/") ? `${home}/.local/state` : null;
  if (base === null) return null;
  const folder = `${base}/ipbench`, path = `${folder}/serve.sock`;
  return new TextEncoder().encode(path).length > MAX_PATH ? null : { folder, path };
}

/** The sending end, in a run. */
export class FeedSender {
  #busy = false;
  #gone = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(readonly connection: Deno.UnixConn) {}

  /**
   * Connects to whoever listens.
   *
   * @param path The socket.
   * @returns `null` when nobody does.
   */
  static async open(path: string): Promise<FeedSender | null> {
    try {
      return new FeedSender(await Deno.connect({ transport: "unix", path }));
    } catch {
      return null; // the usual case: nobody is listening
    }
  }

  /** Sends a state, unless the one before is still on its way. */
  send(state: LiveState): void {
    if (this.#busy || this.#gone) return;
    this.#busy = true;
    this.#last = this.#write(state).catch(() => {
      this.#gone = true;
    }).finally(() => this.#busy = false);
  }

  /** Sends the last state, for which it waits a moment, and closes. */
  async end(state: LiveState): Promise<void> {
    const sent = this.#last.then(() => this.send(state)).then(() => this.#last);
    await within(sent, FLUSH_MS);
    this.connection.close();
  }

  async #write(state: LiveState): Promise<void> {
    let rest = new TextEncoder().encode(`${JSON.stringify(state)}\n`);
    while (rest.length > 0) rest = rest.subarray(await this.connection.write(rest));
  }
}

/** The receiving end, in `ipbench serve`. */
export class FeedReceiver {
  readonly #connections = new Set<Deno.UnixConn>();

  private constructor(readonly listener: Deno.UnixListener, readonly path: string, readonly runs: LiveRuns) {}

  /**
   * Listens.
   *
   * @param place Where, see {@linkcode feedPlace}.
   * @param runs Where states go.
   * @throws {Error} when it cannot, with a sentence for people.
   */
  static async open(place: { folder: string; path: string }, runs: LiveRuns): Promise<FeedReceiver> {
    const { folder, path } = place;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const { mode, uid } = await Deno.lstat(folder);
    if (uid !== Deno.uid() || ((mode ?? 0) & 0o077) !== 0) {
      throw new Error(`${folder} can be entered by others: chmod 700 ${folder}`);
    }
    const other = await FeedSender.open(path);
    if (other !== null) {
      other.connection.close();
      throw new Error("another ipbench serve of this user follows the runs already");
    }
    await Deno.remove(path).catch(() => {}); // of one that was killed
    try {
      const made = new FeedReceiver(Deno.listen({ transport: "unix", path }), path, runs);
      void made.#accept();
      return made;
    } catch (cause) {
      throw new Error(`cannot listen on ${path}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Ends it. */
  close(): void {
    this.listener.close();
    for (const connection of this.#connections) connection.close();
    try {
      Deno.removeSync(this.path);
    } catch { /* somebody else has */ }
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.listener) {
        if (this.#connections.size >= MAX_FEEDS) connection.close();
        else void this.#follow(connection as Deno.UnixConn);
      }
    } catch { /* closed */ }
  }

  async #follow(connection: Deno.UnixConn): Promise<void> {
    this.#connections.add(connection);
    let id: string | null = null;
    try {
      for await (const line of linesOf(connection.readable)) {
        const state = parseState(line);
        if (state === null || id !== null && state.id !== id) break;
        id = state.id;
        this.runs.update({ ...state, atMs: Date.now() });
      }
    } catch { /* the run's process has gone, or it was closed here */ }
    this.#connections.delete(connection);
    try {
      connection.close();
    } catch { /* its stream has closed it */ }
    if (id !== null) this.runs.lost(id, Date.now());
  }
}

/** Lines, each at most a state's size. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (rest.length > MAX_STATE) throw new Error("a line is too long");
  }
}
