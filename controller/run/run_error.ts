/**
 * The error that ends a daemon's part of a run.
 *
 * @module
 */

import type { PeerName, RunPhase } from "./progress.ts";

/** Why a daemon, or the controller's own half, failed: a stable name for programs. */
export type RunErrorCode =
  | "connect"
  | "closed"
  | "timeout"
  | "protocol"
  | "busy"
  | "refused"
  | "authentication"
  | "plugin"
  | "limit"
  | "interrupted";

/** A failure that names who, in which phase, why, and what a person can do. */
export class RunError extends Error {
  /**
   * @param peer whose failure it is; `null`: the controller's own
   * @param phase what was being tried
   * @param code stable name of the cause
   * @param reason the cause, a clause without full stop
   * @param remedy what to do about it, a clause; "" when there is none
   * @param cause the error underneath, if any
   */
  constructor(
    readonly peer: PeerName | null,
    readonly phase: RunPhase,
    readonly code: RunErrorCode,
    readonly reason: string,
    readonly remedy: string = "",
    cause?: unknown,
  ) {
    const who = peer === null ? "controller" : describePeer(peer);
    super(`${who}: ${phase}: ${reason}${remedy === "" ? "" : `; ${remedy}`}`, { cause });
    this.name = "RunError";
  }
}

/**
 * Names a daemon for people.
 *
 * @param peer the daemon
 * @returns for example "client 10.0.0.1:8036" or "client 10.0.0.1:8036 of class bulk", with brackets around an IPv6 address
 */
export function describePeer(peer: PeerName): string {
  const of = peer.class === undefined ? "" : ` of class ${peer.class}`;
  return `${peer.role} ${hostPort(peer.host, peer.port)}${of}`;
}

/**
 * Joins host and port.
 *
 * @param host name or address
 * @param port port number
 * @returns "host:port", "[::1]:port" for IPv6
 */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
