/**
 * Checks of a plugin that was built with AddressSanitizer: how its process has to be started, and which of the leaks
 * that are reported at its end are the plugin's.
 *
 * @module
 */

const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Frames of a report: the allocator and who called it. One more would be the runtime's, in every report. */
const FRAMES = 2;

/** A prepared check. */
export interface Sanitizer {
  /** What the environment of the process needs. */
  env: Record<string, string>;
  /** Where the reports go; whoever prepared it removes it. */
  folder: string;
}

/**
 * @param file the plugin
 * @returns how to start a process that opens it; `null` when it was not built with the sanitizer
 */
export async function prepareSanitizer(file: string): Promise<Sanitizer | null> {
  const { size } = await Deno.stat(file);
  if (size > MAX_FILE_BYTES) return null;
  const text = new TextDecoder("latin1").decode(await Deno.readFile(file));
  const runtime = /\0(libasan\.so\.\d+)\0/.exec(text);
  if (runtime === null) return null;
  const folder = await Deno.makeTempDir({ prefix: "ipbench-check-" });
  // The runtime of JavaScript frees little at its end: those are no findings.
  await Deno.writeTextFile(`${folder}/suppressions`, "leak:deno\nleak:ipbench-runtime\nleak:/dist/ipbench\n");
  const env = {
    LD_PRELOAD: runtime[1]!,
    ASAN_OPTIONS: `detect_leaks=1:exitcode=0:malloc_context_size=${FRAMES}:log_path=${folder}/report`,
    LSAN_OPTIONS: `exitcode=0:print_suppressions=0:suppressions=${folder}/suppressions`,
  };
  return { env, folder };
}

/**
 * @param sanitizer the check, whose process has ended
 * @returns lines of the reports about what the plugin allocated and nobody freed, or about worse
 */
export async function findingsOf({ folder }: Sanitizer): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.name.startsWith("report")) continue;
    for (const block of (await Deno.readTextFile(`${folder}/${entry.name}`)).split("\n\n")) {
      if (/(Direct|Indirect) leak of|ERROR: AddressSanitizer/.test(block)) {
        found.push(...block.trim().split("\n"));
      }
    }
  }
  return found;
}
