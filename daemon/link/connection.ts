/**
 * One TCP or TLS connection with deadlines: every write has one, and closing it loses nothing that was written.
 *
 * @module
 */
import { LINGER_MS, READ_BYTES, WRITE_MS } from "../limits.ts";

/** What this module needs of a connection of the runtime. */
export type RawConnection = Pick<
  Deno.Conn,
  "read" | "write" | "close" | "closeWrite" | "localAddr" | "remoteAddr"
>;

/** A write was not accepted in time. */
export class WriteDeadlineError extends Error {
  override readonly name = "WriteDeadlineError";
}

/** See the module. */
export class Connection {
  readonly #raw: RawConnection;
  readonly #buffer = new Uint8Array(READ_BYTES);
  #closed = false;
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** @param raw The accepted connection; this object owns it from now on. */
  constructor(raw: RawConnection) {
    this.#raw = raw;
  }

  /** Whether {@linkcode destroy} was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Reads what there is.
   *
   * @returns Bytes that are valid until the next read, or `null` at the end.
   * @throws when the connection broke.
   */
  async read(): Promise<Uint8Array | null> {
    if (this.#closed) return null;
    const count = await this.#raw.read(this.#buffer);
    return count === null ? null : this.#buffer.subarray(0, count);
  }

  /**
   * Writes all bytes, in one piece where the kernel takes them so.
   *
   * @param bytes What to write.
   * @param deadlineMs How long that may take.
   * @throws {WriteDeadlineError} when it took longer; the connection is closed then.
   */
  async write(bytes: Uint8Array, deadlineMs: number = WRITE_MS): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.destroy();
    }, deadlineMs);
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#raw.write(rest));
    } catch (error) {
      if (late) {
        throw new WriteDeadlineError(`the peer took no data for ${deadlineMs / 1000} s`, { cause: error });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Announces to the peer that nothing more comes, and closes for good after {@linkcode LINGER_MS}. Until then what the peer
   * still sends has to be read on, or the kernel would answer it with a reset, and the peer could lose the last words.
   */
  async finish(): Promise<void> {
    if (this.#closed) return;
    this.#linger = setTimeout(() => this.destroy(), LINGER_MS);
    try {
      await this.#raw.closeWrite();
    } catch {
      this.destroy(); // The peer is gone already.
    }
  }

  /** Closes at once. */
  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#linger);
    try {
      this.#raw.close();
    } catch {
      // Closed by the runtime already.
    }
  }
}
