/**
 * The control protocol "IPBENCH V1.0" and its extensions, pure: bytes and events in, bytes and effects out. It knows no
 * sockets, no timers and no processes.
 *
 * @example
 * ```ts
 * import { formatCommand, INITIAL_DIALOGUE, dialogueTransition, ReplyReader } from "./mod.ts";
 *
 * const reader = new ReplyReader();
 * let state = INITIAL_DIALOGUE;
 * reader.push(new TextEncoder().encode("100 IPBENCH V1.0\n"));
 * const [next] = dialogueTransition(state, { type: "token", token: reader.next()! });
 * state = next; // state.phase is "greeted", state.greeting.peer is "ipbench-1.0"
 * ```
 *
 * @module
 */
export * from "./access/auth.ts";
export * from "./clock.ts";
export * from "./command.ts";
export * from "./daemon_state.ts";
export * from "./daemon_types.ts";
export * from "./dialogue.ts";
export * from "./error.ts";
export * from "./greeting.ts";
export * from "./access/join.ts";
export * from "./limits.ts";
export * from "./line_reader.ts";
export * from "./progress.ts";
export * from "./reply.ts";
export * from "./reply_reader.ts";
export * from "./result.ts";
export * from "./setup_fields.ts";
export * from "./texts.ts";
