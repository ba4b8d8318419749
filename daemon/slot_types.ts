/**
 * What the test slot is given, and who can have it.
 *
 * @module
 */
import type { PluginHostOptions } from "../ffi/mod.ts";
import type { DaemonRole } from "../protocol/mod.ts";
import type { DaemonClock } from "./clock.ts";
import type { GuestPolicy } from "./access/guests.ts";
import type { SlotHost } from "./spare.ts";

/** Who can have the slot: a session. */
export interface SlotOwner {
  /** Name for messages, such as `10.0.0.7:51234`. */
  readonly name: string;
  /** Address of the peer, without a port. */
  readonly address: string;
  /** Whether it has gone, so that it must not be given the slot any more. */
  readonly gone: boolean;
  /** Told when its test cannot go on; `message` is the whole text of the 451. */
  failed(message: string): void;
}

/** Settings of the slot. */
export interface SlotOptions {
  readonly role: DaemonRole;
  readonly clock: DaemonClock;
  readonly host: PluginHostOptions;
  /** Starts a plugin's process; {@linkcode PluginHost.spawn} unless set otherwise. */
  readonly spawn?: (options: PluginHostOptions) => SlotHost;
  /** Decides what may be tested; absent: anything. */
  readonly policy?: GuestPolicy;
  readonly maxResultBytes?: number;
  readonly maxTestMs?: number;
  readonly log: PluginHostOptions["log"];
  /** Told when a test has started, and whether it is one that waits for CONTINUE. */
  readonly onStart?: (waiting: boolean) => void;
  /** Told when the slot is free again, and whether a test had started in it. */
  readonly onFree?: (started: boolean) => void;
}
