/**
 * The few functions of the C library that are needed before `libipbench.so.1` is open, or that it does not have.
 *
 * @module
 */

const symbols = {
  // void *dlopen(const char *path, int flags)
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
  // char *dlerror(void)
  dlerror: { parameters: [], result: "pointer" },
  // int dlclose(void *handle)
  dlclose: { parameters: ["pointer"], result: "i32" },
  // int memfd_create(const char *name, unsigned flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // ssize_t write(int fd, const void *data, size_t size)
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int fcntl(int fd, int command, int argument)
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // ssize_t process_vm_readv(pid_t, const struct iovec *local, ulong, const struct iovec *remote, ulong, ulong flags)
  process_vm_readv: {
    parameters: ["i32", "buffer", "usize", "buffer", "usize", "usize"],
    result: "isize",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The C library. */
export type Libc = Deno.DynamicLibrary<typeof symbols>["symbols"];

let library: Deno.DynamicLibrary<typeof symbols> | null = null;

/** @returns the C library, opened on the first call */
export function libc(): Libc {
  library ??= Deno.dlopen("libc.so.6", symbols);
  return library.symbols;
}

/** @returns errno of the last call that failed; only right when nothing else was called meanwhile */
export function errno(): number {
  const location = libc().__errno_location();
  return location === null ? 0 : new Deno.UnsafePointerView(location).getInt32();
}

/**
 * @param text what C is to read
 * @returns its UTF-8 bytes and a NUL
 * @throws {RangeError} when the text holds a NUL
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new RangeError("a text for a plugin contains a NUL character");
  return new TextEncoder().encode(text + "\0");
}

const EAGAIN = 11;
const EINTR = 4;
const POLLOUT = 4;

/**
 * Writes everything, however long the reader takes.
 *
 * @throws {Error} when the reader is gone
 */
export function writeAll(fd: number, data: Uint8Array): void {
  let rest = data as Uint8Array<ArrayBuffer>;
  while (rest.length > 0) {
    const written = Number(libc().write(fd, rest, BigInt(rest.length)));
    if (written >= 0) {
      rest = rest.subarray(written);
      continue;
    }
    const why = errno();
    if (why !== EINTR && why !== EAGAIN) throw new Error(`cannot write to descriptor ${fd}: errno ${why}`);
    const pollfd = new Uint8Array(8);
    new DataView(pollfd.buffer).setInt32(0, fd, true);
    new DataView(pollfd.buffer).setInt16(4, POLLOUT, true);
    libc().poll(pollfd, 1n, -1);
  }
}
