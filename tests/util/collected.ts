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
