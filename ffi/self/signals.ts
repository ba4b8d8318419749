/**
 * Signals to a process group, which `Deno.kill` does not do.
 *
 * @module
 */

const SIGKILL = 9;

const symbols = {
  // int kill(pid_t pid, int signal)
  kill: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

let library: Deno.DynamicLibrary<typeof symbols> | null = null;

/**
 * Sends SIGKILL to a process group; nothing happens when there is no such group.
 *
 * @param group its number, that of its first process
 */
export function killGroup(group: number): void {
  if (!Number.isInteger(group) || group <= 1) return;
  library ??= Deno.dlopen("libc.so.6", symbols);
  library.symbols.kill(-group, SIGKILL);
}
