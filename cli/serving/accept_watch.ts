/**
 * Whether a server still accepts connections. The runtime's stops for ever, and without an error, when the program has no file
 * descriptor left for one: only a connection of our own can tell.
 *
 * @module
 */

import type { Server, Socket } from "node:net";
import { withinTurns } from "../../base/deadline.ts";
import type { Address } from "../../config/address.ts";
import { ACCEPT_MS } from "../../serve/limits.ts";

/** See the module. */
export class AcceptWatch {
  /** Ports of the connections that the server has. */
  readonly #open = new Set<number>();
  readonly #awaited = new Map<number, () => void>();

  /** @param server The server, before it listens. */
  constructor(server: Server) {
    server.on("connection", (socket: Socket) => {
      const { remotePort } = socket;
      if (remotePort === undefined) return;
      this.#open.add(remotePort);
      this.#awaited.get(remotePort)?.();
      socket.once("close", () => this.#open.delete(remotePort));
    });
  }

  /**
   * Connects to it.
   *
   * @param address Where it listens.
   * @returns Whether it accepted the connection, if only to close it; `null`: that cannot be known, for want of a descriptor.
   */
  async accepts({ host, port }: Address): Promise<boolean | null> {
    const anywhere = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
    let probe: Deno.TcpConn;
    try {
      probe = await Deno.connect({ hostname: anywhere, port, signal: AbortSignal.timeout(ACCEPT_MS) });
    } catch (error) {
      // Whoever refuses or takes no more into the queue accepts nothing; anything else is this process's own trouble.
      return error instanceof Deno.errors.ConnectionRefused || (error as Error).name === "TimeoutError"
        ? false
        : null;
    }
    const own = probe.localAddr.port;
    const accepted = this.#open.has(own)
      ? Promise.resolve(true)
      : new Promise<boolean>((resolve) => this.#awaited.set(own, () => resolve(true)));
    const closed = probe.read(new Uint8Array(1)).then(() => true, () => true);
    const inTime = await withinTurns(Promise.race([accepted, closed]), ACCEPT_MS);
    this.#awaited.delete(own);
    probe.close();
    return inTime;
  }
}
