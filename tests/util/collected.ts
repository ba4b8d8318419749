/**
 * What a running program has written.
 *
 * @module
 */

/** Text that grows while a program writes. */
export interface Collected {
  text: string;
  /** Settled when the stream has ended, in whichever way. */
  ended: Promise<void>;
}

/**
 * Reads a stream as it comes.
 *
 * @param stream A program's standard output or error.
 */
export function collectText(stream: ReadableStream<Uint8Array>): Collected {
  const collected: Collected = { text: "", ended: Promise.resolve() };
  collected.ended = (async () => {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) collected.text += part;
  })().catch(() => {});
  return collected;
}

/**
 * Reads a stream to its end, and keeps its lines.
 *
 * @param stream A program's standard output or error.
 * @param lines Gets each line when it is whole.
 */
export async function keepLines(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
  }
}
