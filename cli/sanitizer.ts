/**
 * Checks of a plugin that was built with AddressSanitizer: how its process has to be started, and which of the leaks
 * that it reports are the plugin's.
 *
 * @module
 */

const MAX_FILE_BYTES = 64 * 1024 * 1024;

/**
 * @param file the plugin
 * @returns what the environment of a process needs that opens it; `null` when it was not built with the sanitizer
 */
export async function sanitizerEnvironment(file: string): Promise<Record<string, string> | null> {
  const { size } = await Deno.stat(file);
  if (size > MAX_FILE_BYTES) return null;
  const text = new TextDecoder("latin1").decode(await Deno.readFile(file));
  const runtime = /\0(libasan\.so\.\d+)\0/.exec(text);
  if (runtime === null) return null;
  return {
    LD_PRELOAD: runtime[1]!,
    // The runtime of JavaScript has leaks of its own, and ends by itself: both are no findings.
    ASAN_OPTIONS: "detect_leaks=1:exitcode=0:halt_on_error=1:log_to_syslog=0",
    LSAN_OPTIONS: "exitcode=0:report_objects=0:max_leaks=0",
  };
}

/**
 * @param lines stderr of the process
 * @param file the plugin
 * @returns the reports in which the plugin allocated what nobody freed
 */
export function leaksOf(lines: string[], file: string): string[] {
  const found: string[] = [];
  let block: string[] = [];
  for (const line of [...lines, ""]) {
    if (line !== "") {
      block.push(line);
      continue;
    }
    const isLeak = /^(Direct|Indirect) leak of/.test(block[0] ?? "");
    // Frame 0 is the allocator, the next ones are who called it.
    if (isLeak && block.slice(1, 4).some((frame) => frame.includes(file))) found.push(...block);
    block = [];
  }
  return found;
}
