/**
 * A TCP client that sends and expects exact bytes, each wait with a deadline.
 *
 * @module
 */
import { deadline } from "./wait.ts";

/** Where to connect. */
export interface ConnectOptions {
  hostname?: string;
  port?: number;
  /** Longest wait for anything; 15,000 ms by default. */
  deadlineMs?: number;
}

const encoder = new TextEncoder();

/** See the module. */
export class RawClient {
  readonly conn: Deno.Conn;
  readonly #deadlineMs: number;
  /** What was read and not taken: the bytes from #begin to #end. */
  #space = new Uint8Array(64 * 1024);
  #begin = 0;
  #end = 0;
  #ended = false;
  #closed = false;

  /**
   * @param conn A connection; TLS ones will do.
   * @param deadlineMs Longest wait for anything.
   */
  constructor(conn: Deno.Conn, deadlineMs = 15_000) {
    this.conn = conn;
    this.#deadlineMs = deadlineMs;
  }

  /** Connects. */
  static async connect(options: ConnectOptions): Promise<RawClient> {
    const { hostname = "127.0.0.1", port = 8036, deadlineMs = 15_000 } = options;
    const conn = await deadline(`connect ${hostname}:${port}`, deadlineMs, Deno.connect({ hostname, port }));
    conn.setNoDelay(true);
    return new RawClient(conn, deadlineMs);
  }

  /** Sends a text or bytes as they are: line ends are the caller's. */
  async send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    const all = (async () => {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.conn.write(rest));
    })();
    await deadline("send", this.#deadlineMs, all);
  }

  /** Sends a line and reads so many lines of answer. */
  async ask(line: string, lines = 1): Promise<string[]> {
    await this.send(line + "\n");
    const answer: string[] = [];
    while (answer.length < lines) answer.push(await this.readLine());
    return answer;
  }

  /** Reads one line, without its line end. */
  async readLine(deadlineMs = this.#deadlineMs): Promise<string> {
    const line = (async () => {
      for (;;) {
        const end = this.#buffer.indexOf(10);
        if (end >= 0) return new TextDecoder().decode(this.#take(end + 1).subarray(0, end));
        if (!await this.#fill()) {
          throw new Error(`end of stream instead of a line; before it: ${this.#peek()}`);
        }
      }
    })();
    return await deadline("a line", deadlineMs, line);
  }

  /** Reads exactly so many bytes. */
  async readBytes(count: number, deadlineMs = this.#deadlineMs): Promise<Uint8Array> {
    const bytes = (async () => {
      while (this.#buffer.length < count) {
        if (!await this.#fill()) {
          throw new Error(`end of stream after ${this.#buffer.length} of ${count} bytes`);
        }
      }
      return this.#take(count);
    })();
    return await deadline(`${count} bytes`, deadlineMs, bytes);
  }

  /** Reads all that comes until the peer closes. A reset counts as an end. */
  async readToEnd(deadlineMs = this.#deadlineMs): Promise<string> {
    const all = (async () => {
      while (await this.#fill());
      return new TextDecoder().decode(this.#take(this.#buffer.length));
    })();
    return await deadline("the end of the stream", deadlineMs, all);
  }

  /** Reads what comes within that time. */
  async readFor(ms: number): Promise<string> {
    const end = performance.now() + ms;
    const pieces: Uint8Array[] = [];
    for (let left = ms; left > 0; left = end - performance.now()) {
      const got = await deadline("bytes", left, this.#fill()).catch(() => false);
      pieces.push(this.#take(this.#buffer.length));
      if (!got) break;
    }
    return pieces.map((piece) => new TextDecoder().decode(piece)).join("");
  }

  /** Sends no more, but still reads. */
  async closeWrite(): Promise<void> {
    await this.conn.closeWrite();
  }

  /** Closes. Bytes that were not read make it a reset. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.conn.close();
    } catch {
      // Closed already.
    }
  }

  /** Closes at the end of a block with `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #pending: Promise<boolean> | null = null;

  /** Reads once more; at most one read is under way, however many wait. */
  #fill(): Promise<boolean> {
    this.#pending ??= this.#read().finally(() => this.#pending = null);
    return this.#pending;
  }

  async #read(): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = new Uint8Array(64 * 1024);
    let count: number | null = null;
    try {
      count = await this.conn.read(chunk);
    } catch {
      // Reset.
    }
    if (count === null) {
      this.#ended = true;
      return false;
    }
    this.#append(chunk.subarray(0, count));
    return true;
  }

  #append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#space.length) {
      const held = this.#buffer;
      const space = new Uint8Array(Math.max(this.#space.length, 2 * (held.length + bytes.length)));
      space.set(held);
      this.#space = space;
      this.#begin = 0;
      this.#end = held.length;
    }
    this.#space.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  get #buffer(): Uint8Array {
    return this.#space.subarray(this.#begin, this.#end);
  }

  #take(count: number): Uint8Array {
    const bytes = this.#buffer.slice(0, count);
    this.#begin += bytes.length;
    return bytes;
  }

  #peek(): string {
    return JSON.stringify(new TextDecoder().decode(this.#buffer));
  }
}

/** A port on which nobody listens now, for TCP and, most likely, for UDP. */
export function freePort(hostname = "127.0.0.1"): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
