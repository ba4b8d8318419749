/**
 * What the tests that cross processes share.
 *
 * @example
 * ```ts
 * await using daemon = await TestDaemon.start({ role: "target" });
 * using client = await daemon.greeted();
 * assert.deepEqual(await client.ask("HELLO"), ["200 OK (Ready to go)"]);
 * ```
 *
 * @module
 */
export * from "./certificates.ts";
export * from "./collected.ts";
export * from "./daemon.ts";
export * from "./joined_daemon.ts";
export * from "./needs.ts";
export * from "./observed_run.ts";
export * from "./processes.ts";
export * from "./program.ts";
export * from "./tcp.ts";
export * from "./wait.ts";
export * from "./handshake.ts";
export * from "./fuzz.ts";
export * from "./random.ts";
export * from "./verdict.ts";
