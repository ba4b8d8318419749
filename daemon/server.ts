/**
 * The listener: accepts connections, one session each, and keeps their number and their times within limits.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import type { Logger } from "@logtape/logtape";
import { pause, within } from "../base/deadline.ts";
import { isGoneBeforeAccept, messageOf } from "../base/errors.ts";
import { socketAddress } from "../protocol/mod.ts";
import type { CertifiedConnection } from "./link/certified_connection.ts";
import { CertifiedListener } from "./link/certified_listener.ts";
import { type Cidr, isInRanges, sourceOf } from "../base/network/cidr.ts";
import { Connection, type RawConnection } from "./link/connection.ts";
import { withKeepalive } from "../ffi/machine/keepalive.ts";
import { ACCEPT_PAUSE_MS, MAX_LINGERING, TICK_MS, TLS_HANDSHAKE_MS } from "./limits.ts";
import { findLeaver, type Tenant } from "./places.ts";
import { Session } from "./session.ts";
import type { SessionContext } from "./session_types.ts";

/** Certificates and keys in PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Authorities of the certificates that clients have to show; `null`: they show none. */
  readonly clientCa: readonly string[] | null;
}

/** Where and how to listen. */
export interface ServerOptions {
  /** Address or name; `null`: all addresses, IPv6 and IPv4. */
  readonly ip: string | null;
  /** 0: any free one. */
  readonly port: number;
  readonly tls: ServerTls | null;
  /** Peers that may connect; empty: all. */
  readonly allow: readonly Cidr[];
  readonly maxConnections: number;
  readonly context: SessionContext;
  readonly log: Logger;
}

type Accepted = Deno.TcpConn | Deno.TlsConn | CertifiedConnection;

interface Listener {
  readonly addr: Deno.Addr;
  accept(): Promise<Accepted>;
  close(): void;
}

/** A listening daemon. */
export class Server {
  readonly #options: ServerOptions;
  readonly #listeners: Listener[] = [];
  readonly #sessions = new Map<Session, Promise<void>>();
  readonly #accepting: Promise<void>[] = [];
  #tick: ReturnType<typeof setInterval> | undefined;
  readonly #shaking = new Set<Handshake>();
  readonly #maxLingering: number;
  #closing = false;
  #lastBusyMs = performance.now();

  /** @param options Where and how to listen. */
  constructor(options: ServerOptions) {
    this.#options = options;
    this.#maxLingering = Math.min(MAX_LINGERING, options.maxConnections);
  }

  /** The address it listens on, with the real port. */
  get address(): Deno.NetAddr {
    return (this.#listeners[0] as Listener).addr as Deno.NetAddr;
  }

  /** Connections now. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** When the last connection was there, in milliseconds of `performance.now()`. */
  get lastBusyMs(): number {
    return this.#sessions.size > 0 ? performance.now() : this.#lastBusyMs;
  }

  /**
   * Begins to listen.
   *
   * @throws when the address cannot be listened on.
   */
  async listen(): Promise<void> {
    const { ip, port } = this.#options;
    if (ip === null) await this.#listenEverywhere(port);
    else this.#listeners.push(await this.#open(ip, port));
    for (const listener of this.#listeners) this.#accepting.push(this.#accept(listener));
    this.#tick = setInterval(() => {
      const now = performance.now();
      for (const session of this.#sessions.keys()) session.tick(now);
    }, TICK_MS);
  }

  /**
   * Ends all sessions, and with them the test; a result on its way is sent to its end.
   *
   * @param patienceMs Longest time that may take.
   */
  async close(patienceMs: number): Promise<void> {
    this.#closing = true;
    clearInterval(this.#tick);
    for (const listener of this.#listeners) listener.close();
    for (const session of this.#sessions.keys()) session.expire("The daemon goes down");
    const done = (async () => {
      await Promise.all([...this.#accepting, ...this.#sessions.values()]);
      await this.#options.context.slot.shutdown();
    })();
    if (!await within(done, patienceMs)) this.#options.log.error("not everything ended in time");
  }

  /** One IPv6 socket that takes IPv4, too; two sockets where the system keeps them apart; IPv4 where that is all. */
  async #listenEverywhere(port: number): Promise<void> {
    try {
      this.#listeners.push(await this.#open("::", port));
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === "EADDRINUSE" || code === "EACCES") throw error;
      this.#options.log.debug("no IPv6 here: {why}", { why: String(error) });
      this.#listeners.push(await this.#open("0.0.0.0", port));
      return;
    }
    if (isIpv6Only()) this.#listeners.push(await this.#open("0.0.0.0", this.address.port));
  }

  async #open(hostname: string, port: number): Promise<Listener> {
    const { tls, log } = this.#options;
    const { socket, keepalive } = await withKeepalive<Listener>(() => {
      if (tls === null) return Deno.listen({ hostname, port });
      const { cert, key, clientCa } = tls;
      if (clientCa === null) return Deno.listenTls({ hostname, port, cert, key });
      return CertifiedListener.listen({
        ...{ hostname, port, ipv6Only: hostname === "::" && isIpv6Only() },
        tls: { cert, key, clientCa },
      });
    });
    if (!keepalive) log.debug("keepalive could not be set: a peer that vanishes is noticed late");
    return socket;
  }

  async #accept(listener: Listener): Promise<void> {
    const { log } = this.#options;
    while (!this.#closing) {
      try {
        const raw = await listener.accept();
        this.#serve(raw).catch((error) => log.error("internal error: {error}", { error: String(error) }));
        // Connections that are being closed keep their descriptors until the event loop has run once: let it, before
        // more are accepted.
        if (this.#sessions.size >= this.#options.maxConnections) await setImmediate();
      } catch (error) {
        if (this.#closing) return;
        if (isGoneBeforeAccept(error)) {
          log.debug("a connection was gone before it was accepted");
          await setImmediate();
          continue;
        }
        log.error("cannot accept a connection: {why}", { why: String(error) });
        await pause(ACCEPT_PAUSE_MS);
      }
    }
  }

  async #serve(raw: Accepted): Promise<void> {
    const { allow, log, context } = this.#options;
    const remote = raw.remoteAddr as Deno.NetAddr;
    const local = raw.localAddr as Deno.NetAddr;
    const name = socketAddress(remote.hostname, remote.port);
    if (allow.length > 0 && !isInRanges(allow, remote.hostname)) {
      log.warn("{name} is outside of what --allow allows", { name });
      return closeQuietly(raw);
    }
    const source = sourceOf(remote.hostname);
    if ("handshake" in raw) {
      if (!await this.#shake(raw, name, source)) return;
    } else raw.setNoDelay(true);
    if (!this.#makeRoom(source)) {
      log.warn("{name}: too many connections", { name });
      return closeQuietly(raw);
    }
    const session = new Session(new Connection(raw), { remote, local }, context);
    log.debug("{name} is connected", { name });
    const running = session.run();
    this.#sessions.set(session, running);
    try {
      await running;
    } finally {
      this.#sessions.delete(session);
      this.#lastBusyMs = performance.now();
    }
    log.debug("{name} is closed", { name });
  }

  /** Takes a place; when all are taken, another connection is closed to make room. */
  #makeRoom(newcomer: string): boolean {
    if (this.#closing) return false;
    const live: Session[] = [];
    const over: Session[] = [];
    for (const session of this.#sessions.keys()) (session.gone ? over : live).push(session);
    if (live.length >= this.#options.maxConnections) {
      const leaver = findLeaver(live, newcomer, this.#options.maxConnections);
      if (leaver === null) return false;
      leaver.expire("Too many connections");
      over.push(leaver);
    }
    // Closed sessions have been sent their last words. They are read for a while longer, so that the close is no reset,
    // but only as many as there is room for.
    const excess = this.#sessions.size + 1 - this.#options.maxConnections - this.#maxLingering;
    for (const session of over.slice(0, Math.max(0, excess))) session.drop();
    return true;
  }

  /** Takes a place among the TLS handshakes; when all are taken, the oldest is dropped, first of a source that has many. */
  async #shake(raw: Shaking, name: string, source: string): Promise<boolean> {
    if (this.#shaking.size >= this.#options.maxConnections) {
      findLeaver(this.#shaking, source, this.#options.maxConnections)?.drop();
    }
    const handshake: Handshake = {
      ...{ source, standing: "new", lastMs: performance.now() },
      drop: () => {
        this.#shaking.delete(handshake);
        closeQuietly(raw);
      },
    };
    this.#shaking.add(handshake);
    const failure = await shakeHands(raw);
    if (!this.#shaking.delete(handshake)) return false; // Another has its place, and it is closed.
    if (failure === null) return true;
    this.#options.log.warn("{name}: TLS: {failure}", { name, failure });
    closeQuietly(raw);
    return false;
  }
}

type Shaking = Deno.TlsConn | CertifiedConnection;

/** A TLS handshake under way. */
interface Handshake extends Tenant {
  drop(): void;
}

/** Why the handshake failed; `null` when it did not. */
async function shakeHands(raw: Shaking): Promise<string | null> {
  let failure: string | null = null;
  const shaken = raw.handshake().catch((error) => {
    failure = messageOf(error);
  });
  return await within(shaken, TLS_HANDSHAKE_MS)
    ? failure
    : `no handshake within ${TLS_HANDSHAKE_MS / 1000} s`;
}

function closeQuietly(raw: Pick<RawConnection, "close">): void {
  try {
    raw.close();
  } catch {
    // Closed already.
  }
}

function isIpv6Only(): boolean {
  try {
    return Deno.readTextFileSync("/proc/sys/net/ipv6/bindv6only").trim() === "1";
  } catch {
    return false;
  }
}
