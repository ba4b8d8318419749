/**
 * The handshake with a daemon, step by step, for tests that begin in the middle of a test.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RawClient } from "./tcp.ts";

/** How far to go. */
export const HANDSHAKE_STEPS = ["greeting", "HELLO", "LOAD", "SETUP", "START"] as const;

/** One of them. */
export type HandshakeStep = typeof HANDSHAKE_STEPS[number];

/** A tester's SETUP against a target that nobody asks. */
export function testerSetup(args = ""): string {
  return `SETUP target::127.0.0.1||port::1||args::"${args}"`;
}

/** A target's SETUP. */
export function targetSetup(args = ""): string {
  return `SETUP args::"${args}"`;
}

/**
 * Goes through the handshake; the greeting has been read already.
 *
 * @param client The connection.
 * @param plugin What to load.
 * @param setup The whole SETUP line.
 * @param last Where to end.
 */
export async function handshake(
  client: RawClient,
  plugin: string,
  setup: string,
  last: HandshakeStep = "START",
): Promise<void> {
  const lines = ["", "HELLO", `LOAD ${plugin}`, setup, "START"];
  const answers = ["", "200 OK (Ready to go)", "200 OK", "200 OK", ""];
  for (let step = 1; step <= HANDSHAKE_STEPS.indexOf(last); step++) {
    await client.send(lines[step] + "\n");
    if (answers[step] !== "") assert.equal(await client.readLine(), answers[step], lines[step]);
  }
}
