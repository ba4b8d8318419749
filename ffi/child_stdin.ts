/**
 * Standard input of a child, for messages that must not be late.
 *
 * @module
 */

/** Bytes that a pipe takes whole or not at all (pipe(7)). */
const PIPE_BUF = 4096;
const O_WRONLY = 0o1;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const symbols = {
  // int open(const char *path, int flags)
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // ssize_t write(int fd, const void *data, size_t size)
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

let library: Deno.DynamicLibrary<typeof symbols> | null = null;

/**
 * The pipe to a child. A stream's write goes through a queue and another thread, a tenth of a millisecond; so what the pipe
 * takes whole and at once is written by the call itself, through a descriptor of its own that does not block.
 */
export class ChildStdin {
  #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** Descriptor of the pipe; -1 where the child's are hidden. */
  #fd: number;
  /** Messages that are still on their way through the stream: the next ones go behind them. */
  #queued = 0;

  /** @param child one whose `stdin` is piped, and just started */
  constructor(child: Deno.ChildProcess) {
    this.#writer = child.stdin.getWriter();
    this.#writer.closed.catch(() => {}); // how a child ended is not the pipe's to say
    library ??= Deno.dlopen("libc.so.6", symbols);
    const path = new TextEncoder().encode(`/proc/${child.pid}/fd/0\0`);
    this.#fd = library.symbols.open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  }

  /** Writes a message behind those before it; returns at once. What a dead child does not read is lost. */
  write(message: Uint8Array<ArrayBuffer>): void {
    if (this.#queued === 0 && this.#writeNow(message)) return;
    this.#queued++;
    this.#writer.write(message).catch(() => {}).finally(() => this.#queued--);
  }

  /** @returns whether the pipe has taken the message; else it has nothing of it */
  #writeNow(message: Uint8Array<ArrayBuffer>): boolean {
    if (this.#fd < 0 || message.length > PIPE_BUF) return false;
    return library!.symbols.write(this.#fd, message, BigInt(message.length)) === BigInt(message.length);
  }

  /** Closes the pipe; what is still on its way is lost. */
  async close(): Promise<void> {
    if (this.#fd >= 0) library!.symbols.close(this.#fd);
    this.#fd = -1;
    await this.#writer.abort().catch(() => {});
  }
}
