/**
 * One TLS connection whose client has to show a certificate: the handshake, the judgement, and then bytes like those of a
 * connection of the runtime.
 *
 * @module
 */
import type { Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { within } from "../../base/deadline.ts";
import { formatReply } from "../../protocol/mod.ts";
import type { RawConnection } from "./connection.ts";
import { LINGER_MS, TLS_HANDSHAKE_MS } from "../limits.ts";

/** Certificates and keys in PEM. */
export interface CertifiedTls {
  /** The daemon's own. */
  readonly cert: string;
  readonly key: string;
  /** Authorities that sign clients' certificates. */
  readonly clientCa: readonly string[];
}

/** What a client receives whose certificate is missing or not valid. */
const REFUSAL = formatReply(
  421,
  "This daemon asks for a certificate that its --tls-client-ca has signed: --tls-cert and --tls-key show one",
);

/** Characters of a name in a certificate that the log shows. */
const MAX_NAME = 64;

/** See the module. */
export class CertifiedConnection implements RawConnection {
  readonly localAddr: Deno.NetAddr;
  readonly remoteAddr: Deno.NetAddr;
  readonly #raw: Socket;
  readonly #secured: Promise<TLSSocket>;
  #socket: TLSSocket | null = null;
  /** What was taken from the socket and not read yet. */
  #rest: Uint8Array = new Uint8Array(0);
  #error: Error | null = null;
  /** Reads and writes that wait; anything that happens to the socket wakes them. */
  readonly #waiting = new Set<() => void>();

  /**
   * @param raw The accepted connection, of which nothing has been read; this object owns it from now on.
   * @param tls Certificates.
   */
  constructor(raw: Socket, tls: CertifiedTls) {
    this.#raw = raw;
    this.localAddr = { transport: "tcp", hostname: raw.localAddress ?? "", port: raw.localPort ?? 0 };
    this.remoteAddr = { transport: "tcp", hostname: raw.remoteAddress ?? "", port: raw.remotePort ?? 0 };
    this.#secured = secure(raw, tls);
    this.#secured.catch(() => {}); // Whoever shakes hands gets the error.
  }

  /**
   * Waits for the end of the handshake, and examines the certificate. Who is refused is informed before that is thrown.
   *
   * @throws {Error} saying what was wrong.
   */
  async handshake(): Promise<void> {
    const socket = await this.#secured;
    const wrong = mistrust(socket);
    if (wrong !== null) {
      socket.resume(); // What is not read would turn the close into a reset, and the refusal would be lost.
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.end(REFUSAL);
      await within(closed, LINGER_MS);
      throw new Error(wrong);
    }
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#error = error;
      this.#wake();
    });
    for (const event of ["readable", "end", "close"] as const) socket.on(event, () => this.#wake());
  }

  /** Reads what there is; `null` at the end. */
  async read(into: Uint8Array): Promise<number | null> {
    const socket = this.#open();
    while (this.#rest.length === 0) {
      if (this.#error !== null) throw this.#error;
      const chunk: Uint8Array | null = socket.read();
      if (chunk !== null) this.#rest = chunk;
      else if (socket.readableEnded || socket.destroyed) return null;
      else await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    const count = Math.min(into.length, this.#rest.length);
    into.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return count;
  }

  /** Writes all bytes, and waits until the system has them. */
  async write(bytes: Uint8Array): Promise<number> {
    const socket = this.#open();
    let left = false;
    let failure: Error | null | undefined;
    socket.write(bytes, (error) => {
      left = true;
      failure = error;
      this.#wake();
    });
    while (!left && !socket.destroyed) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    failure ??= left ? null : this.#error ?? new Deno.errors.BadResource("the connection is closed");
    if (failure) throw failure;
    return bytes.length;
  }

  /** Announces that nothing more comes. */
  closeWrite(): Promise<void> {
    this.#open().end();
    return Promise.resolve();
  }

  /** Closes at once. */
  close(): void {
    this.#socket?.destroy();
    this.#raw.destroy();
    this.#wake();
  }

  #open(): TLSSocket {
    if (this.#socket === null) throw new Error("the handshake is not over");
    return this.#socket;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/**
 * Shakes hands. That begins with the client's first bytes: those who send nothing cost next to nothing. A server of its own
 * for each connection shows which handshake is whose.
 */
function secure(raw: Socket, { cert, key, clientCa }: CertifiedTls): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    raw.on("error", reject);
    raw.once("close", () => reject(new Error("closed before the handshake was over")));
    raw.once("readable", () => {
      if (raw.readableLength === 0) return void raw.resume(); // It has ended.
      const server = createServer({
        ...{ cert, key, ca: [...clientCa], requestCert: true },
        // The runtime would close the connection without telling the client why: the certificate is judged below.
        rejectUnauthorized: false,
        handshakeTimeout: 2 * TLS_HANDSHAKE_MS, // The daemon's own limit comes first.
      });
      server.once("secureConnection", (socket) => {
        // A client that ended its sending during the handshake is closed. From here on it may do so and still read.
        raw.allowHalfOpen = socket.allowHalfOpen = true;
        socket.on("error", () => {}); // Whoever reads or writes gets the error.
        resolve(socket);
      });
      server.once("tlsClientError", reject);
      server.emit("connection", raw);
    });
  });
}

/** What is wrong with the client's certificate; `null`: nothing. */
function mistrust(socket: TLSSocket): string | null {
  // The runtime checks certificates in full handshakes only: nobody has checked a client that resumes a session.
  if (socket.isSessionReused()) return "it resumes a session instead of showing its certificate";
  const shown = socket.getPeerCertificate();
  if (!shown?.raw) return "it shows no certificate";
  if (socket.authorized) return null;
  const { subject, valid_from, valid_to } = shown;
  const now = Date.now();
  const why = Date.parse(valid_to) < now
    ? "it has expired"
    : Date.parse(valid_from) > now
    ? "it is not valid yet"
    : "--tls-client-ca has not signed it for a client";
  return `its certificate "${String(subject?.CN ?? "").slice(0, MAX_NAME)}" is refused: ${why}`;
}
