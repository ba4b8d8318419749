/**
 * Opens `libipbench.so.1` for all plugins that follow: its names are then global in this process.
 *
 * @module
 */

import { PluginError } from "../errors.ts";
import { embedded } from "../self/embedded.ts";
import { privateFile } from "./private_file.ts";
import { cString, libc, writeAll } from "./libc.ts";

const symbols = {
  // int ipbench_host_harden(int parent_pid, uint64_t memory_limit, uint64_t nofile, int guest)
  ipbench_host_harden: { parameters: ["i32", "u64", "u64", "i32"], result: "i32" },
  // int ipbench_host_resolve(const char *name, char *text, uint32_t size)
  ipbench_host_resolve: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  // int ipbench_host_pin_target(const char *addresses)
  ipbench_host_pin_target: { parameters: ["buffer"], result: "i32" },
  // int ipbench_host_stdio(void)
  ipbench_host_stdio: { parameters: [], result: "i32" },
  // int ipbench_host_progress(struct ipbench_progress **map)
  ipbench_host_progress: { parameters: ["buffer"], result: "i32" },
  // int ipbench_host_start(void *plugin_start_fn, struct ipbench_host_start *s)
  ipbench_host_start: { parameters: ["pointer", "buffer"], result: "i32", nonblocking: true },
  // void ipbench_host_go(struct ipbench_host_start *s, int64_t at_ns)
  ipbench_host_go: { parameters: ["buffer", "i64"], result: "void" },
  // int64_t ipbench_host_read(int fd, void *buffer, uint64_t size, struct ipbench_host_start *armed)
  ipbench_host_read: { parameters: ["i32", "buffer", "u64", "buffer"], result: "i64" },
  // int ipbench_host_stop(void *plugin_stop_fn, int64_t at_ns, struct timeval *stamp, int32_t *status)
  ipbench_host_stop: { parameters: ["pointer", "i64", "buffer", "buffer"], result: "i32" },
  // int ipbench_host_capture_begin(void)
  ipbench_host_capture_begin: { parameters: [], result: "i32" },
  // int64_t ipbench_host_capture_end(int fd)
  ipbench_host_capture_end: { parameters: ["i32"], result: "i64" },
  // int ipbench_host_ethtool(const char *iface, char *json, uint32_t size)
  ipbench_host_ethtool: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  // int ipbench_host_abilities(const char *iface, char *json, uint32_t size)
  ipbench_host_abilities: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  // int ipbench_host_links_begin(int all)
  ipbench_host_links_begin: { parameters: ["i32"], result: "i32" },
  // int ipbench_host_links_end(char text[IPBENCH_HOST_LINKS_MAX])
  ipbench_host_links_end: { parameters: ["buffer"], result: "i32" },
  // void *ipbench_host_open(const char *path, char *error, uint32_t size)
  ipbench_host_open: { parameters: ["buffer", "buffer", "u32"], result: "pointer" },
  // void *ipbench_host_symbol(void *handle, const char *name)
  ipbench_host_symbol: { parameters: ["pointer", "buffer"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** `libipbench.so.1`, opened. */
export interface Library {
  symbols: Deno.DynamicLibrary<typeof symbols>["symbols"];
  /** What dlopen gave, to look up variables. */
  handle: Deno.PointerObject;
}

const RTLD_NOW = 2;
const RTLD_GLOBAL = 0x100;
const MFD_CLOEXEC = 1;
const MFD_EXEC = 0x10;

/**
 * Puts bytes where they can be opened as a library: a file in memory, or one in a private folder where the system
 * forbids to execute memory.
 *
 * @param name for /proc/PID/maps and for the file's name
 * @param open opens a path, `null` when it cannot
 * @returns what `open` gave, `null` when neither place can be opened
 */
export function openBytes<T>(name: string, bytes: Uint8Array, open: (path: string) => T | null): T | null {
  const path = cString(name);
  let fd = libc().memfd_create(path, MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0) fd = libc().memfd_create(path, MFD_CLOEXEC); // before Linux 6.3 there is no MFD_EXEC
  if (fd >= 0) {
    writeAll(fd, bytes);
    const opened = open(`/proc/self/fd/${fd}`);
    if (opened !== null) return opened; // the descriptor stays open: the next one needs another path
    libc().close(fd);
  }
  return open(privateFile(name, bytes));
}

/**
 * @returns the library, opened globally
 * @throws {PluginError} "not-built" when there is none
 * @throws {Error} when it cannot be opened
 */
export async function openLibrary(): Promise<Library> {
  let bytes: Uint8Array;
  try {
    bytes = await embedded().library();
  } catch (cause) {
    const folder = decodeURIComponent(new URL("../../", import.meta.url).pathname);
    const message = `ipbench is not built, and has no tests: run ${folder}scripts/build`;
    throw new PluginError("not-built", "its start", message, { cause });
  }
  let why = "";
  const library = openBytes("libipbench.so.1", bytes, (path) => {
    const handle = libc().dlopen(cString(path), RTLD_NOW | RTLD_GLOBAL);
    if (handle !== null) return { handle, symbols: Deno.dlopen(path, symbols).symbols };
    const error = libc().dlerror();
    why = error === null ? "" : Deno.UnsafePointerView.getCString(error);
    return null;
  });
  if (library === null) throw new Error(`cannot open libipbench.so.1: ${why}`);
  return library;
}
