/**
 * Running a program of the system with bounded output.
 *
 * @module
 */

/** How it ended. */
export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Most bytes kept of each of its streams. */
const MAX_OUTPUT_BYTES = 64 * 1024;

/**
 * Runs a program found on PATH; no shell is involved.
 *
 * @param name Its name.
 * @param args Its arguments.
 * @param stdin What it reads: a text, or the pieces of something large.
 * @param signal Ends it.
 * @returns Status and output.
 * @throws {Error} when it is not there, or was ended by the signal.
 */
export async function runTool(
  name: string,
  args: string[],
  stdin: string | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Finished> {
  if (signal.aborted) throw new Error(`${name} was not started: ${endedBy(signal)}`);
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(name, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) throw new Error(`${name} is not installed`, { cause });
    throw cause;
  }
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => {});
  const end = () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    // What it has started may hold its streams open; that is waited for no longer.
    child.status.then(() => ended.reject(new Error(`${name} was ended: ${endedBy(signal)}`)));
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    const whole = Promise.all([
      child.status,
      head(child.stdout),
      head(child.stderr),
      write(child.stdin, stdin),
    ]);
    const [status, stdout, stderr] = await Promise.race([whole, ended.promise]);
    if (signal.aborted) throw new Error(`${name} was ended: ${endedBy(signal)}`);
    return { code: status.code, stdout, stderr };
  } finally {
    signal.removeEventListener("abort", end);
  }
}

/** Why a signal ended something, in words. */
export function endedBy(signal: AbortSignal): string {
  return (signal.reason as Error).name === "TimeoutError" ? "it took too long" : "interrupted";
}

/** A program that does not read what it is given is no reason to fail: its status counts. */
async function write(
  stream: WritableStream<Uint8Array>,
  input: string | AsyncIterable<Uint8Array>,
): Promise<void> {
  const writer = stream.getWriter();
  try {
    if (typeof input === "string") await writer.write(new TextEncoder().encode(input));
    else for await (const piece of input) await writer.write(piece);
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Reads all, keeps the beginning. */
async function head(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    if (text.length < MAX_OUTPUT_BYTES) text += decoder.decode(chunk, { stream: true });
  }
  return text.slice(0, MAX_OUTPUT_BYTES);
}
