/**
 * TCP keepalive for a connection, or for all connections of a listener: the runtime can switch it on, but not set its times,
 * and the kernel's default notices a vanished peer after two hours. Accepted sockets inherit the listener's settings.
 *
 * @module
 */
import { KEEPALIVE_COUNT, KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S } from "../limits.ts";

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

const symbols = {
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Runs a function that opens one socket, and sets keepalive on that socket.
 *
 * @param open Opens a listener or a connection.
 * @returns What it gives, and whether keepalive is set on it.
 */
export async function withKeepalive<S>(
  open: () => S | Promise<S>,
): Promise<{ socket: S; keepalive: boolean }> {
  const before = new Set(openSockets());
  const socket = await open();
  const [fd, ...others] = openSockets().filter((each) => !before.has(each));
  if (fd === undefined || others.length > 0) return { socket, keepalive: false };
  return { socket, keepalive: setKeepalive(Number(fd.split(" ")[0])) };
}

function setKeepalive(fd: number): boolean {
  const settings: readonly (readonly [number, number, number])[] = [
    [SOL_SOCKET, SO_KEEPALIVE, 1],
    [IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S],
    [IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S],
    [IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT],
    [IPPROTO_TCP, TCP_USER_TIMEOUT, (KEEPALIVE_IDLE_S + KEEPALIVE_COUNT * KEEPALIVE_INTERVAL_S) * 1000],
  ];
  const libc = Deno.dlopen("libc.so.6", symbols);
  try {
    return settings.every(([level, name, value]) =>
      libc.symbols.setsockopt(fd, level, name, new Int32Array([value]), 4) === 0
    );
  } finally {
    libc.close();
  }
}

/** Descriptor and inode of each open socket of this process. */
function openSockets(): string[] {
  const sockets: string[] = [];
  for (const entry of Deno.readDirSync("/proc/self/fd")) {
    try {
      const link = Deno.readLinkSync(`/proc/self/fd/${entry.name}`);
      if (link.startsWith("socket:")) sockets.push(`${entry.name} ${link}`);
    } catch (error) {
      // The descriptor that reads the folder itself is gone by now.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return sockets;
}
