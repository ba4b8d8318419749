/**
 * A TLS listener that asks its clients for certificates, which the runtime's own cannot. It hands out connections before
 * their handshake, so that the daemon's limits and deadlines hold for clients that never finish one, too.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { CertifiedConnection, type CertifiedTls } from "./certified_connection.ts";
import { MAX_UNACCEPTED } from "../limits.ts";

/** The first version of the runtime whose `node:tls` asks clients for certificates in the way that is needed here. */
const SINCE = [2, 9, 0] as const;

/**
 * Whether this runtime can ask clients for certificates.
 *
 * @param version Its version, as `Deno.version` has it.
 */
export function canAskForCertificates(version = Deno.version.deno): boolean {
  const parts = version.split(".").map(Number);
  const at = SINCE.findIndex((part, index) => part !== parts[index]);
  return at < 0 || (parts[at] ?? 0) > (SINCE[at] ?? 0);
}

/**
 * Takes the authorities of clients out of a file.
 *
 * @param pem The file's content.
 * @returns Each certificate alone.
 * @throws {Error} when there is none, or one that is not an authority's: the runtime would take anybody who shows such a
 * certificate of the first version (X.509 v1) for its owner.
 */
export function clientAuthorities(pem: string): string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new Error("it holds no certificate (PEM)");
  for (const each of found) {
    const { ca, subject } = new X509Certificate(each);
    if (!ca) {
      throw new Error(`"${subject}" is not the certificate of an authority (basicConstraints=CA:TRUE)`);
    }
  }
  return [...found];
}

/** See the module. */
export class CertifiedListener {
  readonly #server: Server;
  readonly #waiting: CertifiedConnection[] = [];
  #taker: PromiseWithResolvers<CertifiedConnection> | null = null;
  #closed = false;

  private constructor(server: Server, tls: CertifiedTls) {
    this.#server = server;
    server.on("connection", (socket) => this.#take(new CertifiedConnection(socket, tls)));
    server.on("error", (error) => {
      this.#taker?.reject(error);
      this.#taker = null;
    });
  }

  /**
   * Begins to listen.
   *
   * @param options Where, and with which certificates.
   * @throws when the address cannot be listened on; the error has the system's code.
   */
  static async listen(
    { hostname, port, ipv6Only, tls }: {
      hostname: string;
      port: number;
      ipv6Only: boolean;
      tls: CertifiedTls;
    },
  ): Promise<CertifiedListener> {
    const server = createServer({ noDelay: true });
    server.listen({ host: hostname, port, ipv6Only });
    await once(server, "listening");
    return new CertifiedListener(server, tls);
  }

  /** Where it listens. */
  get addr(): Deno.NetAddr {
    const { address, port } = this.#server.address() as { address: string; port: number };
    return { transport: "tcp", hostname: address, port };
  }

  /**
   * Waits for the next connection. Not for several callers at the same time.
   *
   * @throws when the system gives none, or after {@linkcode close}.
   */
  accept(): Promise<CertifiedConnection> {
    if (this.#closed) return Promise.reject(new Deno.errors.BadResource("the listener is closed"));
    const next = this.#waiting.shift();
    if (next !== undefined) return Promise.resolve(next);
    this.#taker = Promise.withResolvers();
    return this.#taker.promise;
  }

  /** Stops listening; connections that were handed out stay open. */
  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const each of this.#waiting.splice(0)) each.close();
    this.#taker?.reject(new Deno.errors.BadResource("the listener is closed"));
    this.#taker = null;
  }

  #take(connection: CertifiedConnection): void {
    if (this.#taker !== null) {
      this.#taker.resolve(connection);
      this.#taker = null;
      return;
    }
    this.#waiting.push(connection);
    if (this.#waiting.length > MAX_UNACCEPTED) this.#waiting.shift()?.close();
  }
}
