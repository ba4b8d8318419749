/**
 * What a session is given.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import type { DaemonRole, Prover } from "../protocol/mod.ts";
import type { AuthGuard } from "./access/guard.ts";
import type { DaemonClock } from "./clock.ts";
import type { Deliveries } from "./link/deliveries.ts";
import type { TestSlot } from "./slot.ts";

/** What all sessions of a daemon share. */
export interface SessionContext {
  readonly role: DaemonRole;
  /** Name and version for the greeting. */
  readonly program: string;
  readonly slot: TestSlot;
  readonly clock: DaemonClock;
  /** Knows the secret; `null` where the daemon asks for none. */
  readonly prover: Prover | null;
  readonly guard: AuthGuard;
  readonly deliveries: Deliveries;
  readonly log: Logger;
  /** How long a connection without the test may send nothing, milliseconds. */
  readonly idleMs: number;
  readonly createNonce: () => string;
}

/** Where the connection is made. */
export interface SessionPlace {
  /** Address of the peer. */
  readonly remote: { readonly hostname: string; readonly port: number };
  /** Our end of the connection. */
  readonly local: { readonly hostname: string; readonly port: number };
}
