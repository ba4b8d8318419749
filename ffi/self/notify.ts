/**
 * sd_notify(3): informs the service manager that a daemon is ready, or is stopping.
 *
 * @module
 */

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SUN_PATH_BYTES = 108;

const symbols = {
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t tolen)
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * @param state such as "READY=1" or "STOPPING=1"; several are separated by newlines
 * @returns whether a service manager was informed; `false` when there is none (NOTIFY_SOCKET is not set)
 */
export function sdNotify(state: string): boolean {
  const path = Deno.env.get("NOTIFY_SOCKET");
  if (path === undefined || path.length < 2) return false;
  const name = new TextEncoder().encode(path);
  if (name.length >= SUN_PATH_BYTES) return false;
  const address = new Uint8Array(2 + name.length + (path.startsWith("@") ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  if (path.startsWith("@")) address[2] = 0; // the abstract name space
  const libc = Deno.dlopen("libc.so.6", symbols);
  try {
    const fd = libc.symbols.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) return false;
    const message = new TextEncoder().encode(state);
    const sent = libc.symbols.sendto(fd, message, BigInt(message.length), 0, address, address.length);
    libc.symbols.close(fd);
    return Number(sent) === message.length;
  } finally {
    libc.close();
  }
}
