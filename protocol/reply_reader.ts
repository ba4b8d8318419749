/**
 * A controller's side of a connection: bytes in, replies and results out.
 *
 * @module
 */
import { MAX_LINE_BYTES, MAX_RESULT_BYTES } from "./limits.ts";
import { ProtocolError, quote } from "./error.ts";
import { LineReader } from "./line_reader.ts";
import { isReply, parseReply, type Reply } from "./reply.ts";
import { parseContentLength, parseResultStamps, type ResultStamps } from "./result.ts";

/** What a daemon sent, in the order it came. */
export type ReplyToken =
  /** A line that is no reply: HELP and STATUS send some before theirs. */
  | { readonly type: "text"; readonly text: string }
  /** Any reply but 220 and 221. */
  | { readonly type: "reply"; readonly reply: Reply; readonly line: string }
  /** A result begins: 220 or 221 and its length. */
  | {
    readonly type: "result";
    readonly valid: boolean;
    readonly length: number;
    readonly stamps: ResultStamps | null;
    readonly reply: Reply;
  }
  /** The next bytes of the result; valid until the next call. */
  | { readonly type: "data"; readonly chunk: Uint8Array }
  /** The result is complete. */
  | { readonly type: "result-end" };

/**
 * Reader fed with bytes in pieces of any size. Results are handed on as they come and never held.
 *
 * @example
 * ```ts
 * const reader = new ReplyReader();
 * reader.push(bytes);
 * for (let token = reader.next(); token !== null; token = reader.next()) handle(token);
 * ```
 */
export class ReplyReader {
  readonly #lines: LineReader;
  readonly #maxResult: number;
  /** The status line whose length line comes next. */
  #status: Reply | null = null;
  /** Bytes of the result still to come; -1 outside of a result. */
  #remaining = -1;

  /**
   * @param options Limits in bytes, for tests and for operators with small machines.
   */
  constructor(options: { maxLine?: number; maxResult?: number } = {}) {
    this.#lines = new LineReader(options.maxLine ?? MAX_LINE_BYTES);
    this.#maxResult = options.maxResult ?? MAX_RESULT_BYTES;
  }

  /**
   * Adds bytes; they are copied.
   *
   * @param chunk What came from the connection.
   */
  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  /** Adds bytes that nobody else uses any more, without copying them where that can be. */
  give(chunk: Uint8Array): void {
    this.#lines.give(chunk);
  }

  /** How many bytes came that belong to nothing complete: more than a daemon may send after its result. */
  get buffered(): number {
    return this.#lines.buffered;
  }

  /**
   * The next thing the daemon sent.
   *
   * @returns It, or `null` when more bytes are needed.
   * @throws {ProtocolError} when the daemon broke the protocol; the connection is of no use then.
   */
  next(): ReplyToken | null {
    if (this.#remaining >= 0) return this.#nextData();
    const token = this.#lines.readLine();
    if (token === null) return null;
    if (token.type === "bad-line") {
      throw new ProtocolError("syntax", `the daemon sent a line that is ${token.reason}`);
    }
    if (this.#status !== null) return this.#beginResult(this.#status, token.text);
    if (!isReply(token.text)) return { type: "text", text: token.text };
    const reply = parseReply(token.text);
    if (reply.code !== 220 && reply.code !== 221) return { type: "reply", reply, line: token.text };
    this.#status = reply;
    return this.next();
  }

  /**
   * To be called when the connection has ended.
   *
   * @throws {ProtocolError} with code `eof` when it ended in the middle of a result or of a line.
   */
  end(): void {
    if (this.#remaining > 0) {
      throw new ProtocolError(
        "eof",
        `the connection ended ${this.#remaining} bytes before the end of the result`,
      );
    }
    if (this.#status !== null) {
      throw new ProtocolError("eof", "the connection ended before the length of the result");
    }
    if (this.#lines.buffered === 0) return;
    const rest = new TextDecoder().decode(this.#lines.readBytes(MAX_LINE_BYTES) ?? new Uint8Array(0));
    throw new ProtocolError("eof", `the connection ended in the middle of a line: ${quote(rest)}`);
  }

  #beginResult(reply: Reply, line: string): ReplyToken {
    const length = parseContentLength(line, this.#maxResult);
    this.#status = null;
    this.#remaining = length;
    return { type: "result", valid: reply.code === 220, length, stamps: parseResultStamps(reply), reply };
  }

  #nextData(): ReplyToken | null {
    if (this.#remaining === 0) {
      this.#remaining = -1;
      return { type: "result-end" };
    }
    const chunk = this.#lines.readBytes(this.#remaining);
    if (chunk === null) return null;
    this.#remaining -= chunk.length;
    return { type: "data", chunk };
  }
}
