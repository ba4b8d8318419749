/**
 * The listener: accepts connections, one session each, and keeps their number and their times within limits.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { socketAddress } from "../protocol/mod.ts";
import { type Cidr, isInRanges } from "./cidr.ts";
import { Connection, type RawConnection } from "./connection.ts";
import { messageOf } from "./failure.ts";
import { withKeepalive } from "./keepalive.ts";
import { ACCEPT_PAUSE_MS, TICK_MS, TLS_HANDSHAKE_MS } from "./limits.ts";
import { Session, type SessionContext } from "./session.ts";
import { delay, within } from "./wait.ts";

/** Where and how to listen. */
export interface ServerOptions {
  /** Address or name; `null`: all addresses, IPv6 and IPv4. */
  readonly ip: string | null;
  /** 0: any free one. */
  readonly port: number;
  /** Certificate and key in PEM; `null`: no TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Peers that may connect; empty: all. */
  readonly allow: readonly Cidr[];
  readonly maxConnections: number;
  readonly context: SessionContext;
  readonly log: Logger;
}

type Listener = Deno.Listener<Deno.TcpConn> | Deno.TlsListener;

/** A listening daemon. */
export class Server {
  readonly #options: ServerOptions;
  readonly #listeners: Listener[] = [];
  readonly #sessions = new Map<Session, Promise<void>>();
  readonly #accepting: Promise<void>[] = [];
  #tick: ReturnType<typeof setInterval> | undefined;
  /** TLS handshakes under way. */
  #shaking = 0;
  #closing = false;
  #lastBusyMs = performance.now();

  /** @param options Where and how to listen. */
  constructor(options: ServerOptions) {
    this.#options = options;
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
  listen(): void {
    const { ip, port } = this.#options;
    if (ip === null) this.#listenEverywhere(port);
    else this.#listeners.push(this.#open(ip, port));
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
  #listenEverywhere(port: number): void {
    try {
      this.#listeners.push(this.#open("::", port));
    } catch (error) {
      if (error instanceof Deno.errors.AddrInUse || error instanceof Deno.errors.PermissionDenied) {
        throw error;
      }
      this.#options.log.debug("no IPv6 here: {why}", { why: String(error) });
      this.#listeners.push(this.#open("0.0.0.0", port));
      return;
    }
    if (isIpv6Only()) this.#listeners.push(this.#open("0.0.0.0", this.address.port));
  }

  #open(hostname: string, port: number): Listener {
    const { tls, log } = this.#options;
    const { listener, keepalive } = withKeepalive<Listener>(() =>
      tls === null ? Deno.listen({ hostname, port }) : Deno.listenTls({ hostname, port, ...tls })
    );
    if (!keepalive) log.debug("keepalive could not be set: a peer that vanishes is noticed late");
    return listener;
  }

  async #accept(listener: Listener): Promise<void> {
    const { log } = this.#options;
    while (!this.#closing) {
      try {
        const raw: Deno.TcpConn | Deno.TlsConn = await listener.accept();
        this.#serve(raw).catch((error) => log.error("internal error: {error}", { error: String(error) }));
      } catch (error) {
        if (this.#closing) return;
        log.error("cannot accept a connection: {why}", { why: String(error) });
        await delay(ACCEPT_PAUSE_MS);
      }
    }
  }

  async #serve(raw: Deno.TcpConn | Deno.TlsConn): Promise<void> {
    const { allow, log, context } = this.#options;
    const remote = raw.remoteAddr as Deno.NetAddr;
    const local = raw.localAddr as Deno.NetAddr;
    const name = socketAddress(remote.hostname, remote.port);
    if (allow.length > 0 && !isInRanges(allow, remote.hostname)) {
      log.warn("{name} is outside of what --allow allows", { name });
      return closeQuietly(raw);
    }
    if ("handshake" in raw) {
      if (this.#shaking >= this.#options.maxConnections) return closeQuietly(raw);
      this.#shaking++;
      const shaken = await shakeHands(raw, log, name);
      this.#shaking--;
      if (!shaken) return;
    } else raw.setNoDelay(true);
    if (!this.#makeRoom()) {
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

  /**
   * When all places are taken, the connection that has been silent longest goes: an operator always gets in. One that
   * has not shown the secret goes before all that have: who does not know it cannot drive out who does.
   */
  #makeRoom(): boolean {
    if (this.#closing) return false;
    if (this.#sessions.size < this.#options.maxConnections) return true;
    let oldest: Session | null = null;
    for (const session of this.#sessions.keys()) {
      if (session.gone) return this.#sessions.size < 2 * this.#options.maxConnections;
      if (session.dispensable && (oldest === null || goesBefore(session, oldest))) oldest = session;
    }
    oldest?.expire("Too many connections");
    return oldest !== null;
  }
}

function goesBefore(one: Session, other: Session): boolean {
  return one.trusted === other.trusted ? one.lastMs < other.lastMs : !one.trusted;
}

async function shakeHands(raw: Deno.TlsConn, log: Logger, name: string): Promise<boolean> {
  const shaken = raw.handshake().then(() => true, (error) => {
    log.warn("{name}: TLS: {why}", { name, why: messageOf(error) });
    return false;
  });
  if (await within(shaken, TLS_HANDSHAKE_MS) && await shaken) return true;
  closeQuietly(raw);
  return false;
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
