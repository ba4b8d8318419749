/**
 * What `ps` shows of this process: who it is, instead of how the runtime was started.
 *
 * Linux reads a process's command line out of the process's own memory, from where its arguments were put when it began.
 * What is written there is what others see; nothing else changes.
 *
 * @module
 */

/** Fields of /proc/self/stat, counted from 1 as in proc(5): where the arguments begin, and end. */
const ARG_START = 48;
const ARG_END = 49;
/** Larger places than this are none that we know. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Changes what others see as the command line of this process. There is as much room as the command line took: that of
 * the runtime is long, while one that was typed shows as much itself and stays where the text does not fit.
 *
 * @param text who this process is, such as `ipbenchd: tester 127.0.0.1:8036`
 */
export function setProcessTitle(text: string): void {
  try {
    const { start, length } = argumentPlace();
    // deno-lint-ignore no-control-regex
    const title = new TextEncoder().encode(text.replace(/[\x00-\x1f\x7f]+/g, " "));
    if (title.length + 2 > length) return;
    const bytes = new Uint8Array(length);
    bytes.set(title);
    // A last byte that is not 0 shows the kernel that this is a title: it ends at the first 0 then.
    bytes[length - 1] = 1;
    using memory = Deno.openSync("/proc/self/mem", { write: true });
    memory.seekSync(start, Deno.SeekMode.Start);
    for (let done = 0; done < length;) done += memory.writeSync(bytes.subarray(done));
  } catch {
    // Only cosmetic: /proc is not there, or this process may not be examined.
  }
}

function argumentPlace(): { start: number; length: number } {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  // The name of the process, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [start, end] = [ARG_START, ARG_END].map((field) => Number(fields[field - 3]));
  const length = end! - start!;
  if (!Number.isSafeInteger(start) || !(start! > 0 && length > 2 && length < MAX_BYTES)) {
    throw new RangeError("no place for arguments");
  }
  return { start: start!, length };
}
