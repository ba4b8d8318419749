/**
 * The controller's side of one connection, as a pure state machine: which command may go out now, and what the tokens
 * that come back mean. Like the daemon's it does no input or output.
 *
 * @module
 */
import { MAX_TEXT_LINES } from "./limits.ts";
import { type Command, type CommandName, formatCommand } from "./command.ts";
import { ProtocolError, quote } from "./error.ts";
import { type Extension, type Greeting, parseGreeting } from "./greeting.ts";
import { parseProgress, type ProgressReport } from "./progress.ts";
import type { Reply } from "./reply.ts";
import type { ReplyToken } from "./reply_reader.ts";
import type { ResultStamps } from "./result.ts";

/** How far the handshake has come, as the controller knows it. */
export type DialoguePhase =
  /** Connected; the greeting comes first. */
  | "connecting"
  | "greeted"
  /** HELLO was accepted. */
  | "taken"
  | "loaded"
  | "ready"
  /** START was sent. */
  | "running"
  /** STOP was sent, or a tester's result began. */
  | "finishing"
  /** The result is complete, or the connection has ended. */
  | "closed";

/** State of one connection. */
export interface DialogueState {
  readonly phase: DialoguePhase;
  readonly greeting: Greeting | null;
  /** The command whose answer comes next; START and STOP are not among them. */
  readonly awaiting: CommandName | null;
  /** Lines before the reply of HELP or STATUS. */
  readonly text: readonly string[];
  /** What the bytes that come are: a test's result, the answer to ENV, or nothing. */
  readonly receiving: "result" | "environment" | null;
}

/** What happens. */
export type DialogueEvent =
  /** The controller wants to send something. */
  | { readonly type: "command"; readonly command: Command }
  /** Something came; see {@linkcode ReplyReader}. */
  | { readonly type: "token"; readonly token: ReplyToken }
  /** The connection has ended (after `ReplyReader.end()` found nothing half). */
  | { readonly type: "eof" };

/** What follows from it. */
export type DialogueEffect =
  | { readonly type: "send"; readonly text: string }
  | { readonly type: "greeting"; readonly greeting: Greeting }
  /** The answer to a command, good or bad, with the lines before it. */
  | {
    readonly type: "reply";
    readonly command: CommandName;
    readonly reply: Reply;
    readonly text: readonly string[];
  }
  /** A report after WATCH; `null` when no test runs. */
  | { readonly type: "progress"; readonly report: ProgressReport | null }
  /** A result, or an environment, begins. */
  | {
    readonly type: "begin";
    readonly what: "result" | "environment";
    readonly valid: boolean;
    readonly length: number;
    readonly stamps: ResultStamps | null;
  }
  /** The next bytes of it; valid until the next token is read. */
  | { readonly type: "data"; readonly what: "result" | "environment"; readonly chunk: Uint8Array }
  | { readonly type: "end"; readonly what: "result" | "environment" }
  /** The daemon ended a running test with an error (451, 430, 421 …) instead of a result. */
  | { readonly type: "test-failed"; readonly reply: Reply }
  /** The daemon closed the connection when it was due, or may. */
  | { readonly type: "closed" }
  /** The peer broke the protocol, or closed in the middle; the connection is of no use. */
  | { readonly type: "broken"; readonly error: ProtocolError };

/** What a transition gives. */
export type DialogueStep = readonly [DialogueState, readonly DialogueEffect[]];

/** State of a connection that has just been made. */
export const INITIAL_DIALOGUE: DialogueState = {
  phase: "connecting",
  greeting: null,
  awaiting: null,
  text: [],
  receiving: null,
};

/** Which extension a command belongs to. */
const COMMAND_EXTENSION: Partial<Record<CommandName, Extension>> = {
  ENV: "env",
  CLOCK: "clock",
  WATCH: "watch",
  CONTINUE: "continue",
};

/** In which phase a command of the handshake may be sent; others may be sent in any. */
const COMMAND_PHASE: Partial<Record<CommandName, DialoguePhase>> = {
  HELLO: "greeted",
  LOAD: "taken",
  SETUP: "loaded",
  START: "ready",
  STOP: "running",
};

/**
 * Takes one event.
 *
 * @param state Where the dialogue stands.
 * @param event What happened.
 * @returns Where it stands then, and what follows.
 * @throws {ProtocolError} with code `state` when the controller itself wants what is not possible now.
 */
export function dialogueTransition(state: DialogueState, event: DialogueEvent): DialogueStep {
  if (event.type === "command") return send(state, event.command);
  if (state.phase === "closed") return receiveClosed(state, event);
  if (event.type === "eof") return receiveEnd(state);
  return receive(state, event.token);
}

function send(state: DialogueState, command: Command): DialogueStep {
  const { name } = command;
  if (name === "QUIT" || name === "ABORT") {
    // An original controller sends QUIT at the end all the same; both may cut in anywhere.
    const next: DialogueState = name === "QUIT" && state.phase !== "closed"
      ? { ...state, awaiting: "QUIT", text: [] }
      : { ...state, phase: "closed", awaiting: null };
    return [next, [{ type: "send", text: formatCommand(command) }]];
  }
  if (state.phase === "connecting" || state.phase === "closed") refuse(state, name);
  if (state.awaiting === "WATCH") return [state, [{ type: "send", text: formatCommand(command) }]];
  if (state.awaiting !== null || state.receiving !== null) refuse(state, name);
  const phase = COMMAND_PHASE[name];
  if (phase !== undefined && phase !== state.phase) refuse(state, name);
  const known = state.greeting?.extensions ?? new Set<Extension>();
  const needed = "atNs" in command && command.atNs !== null ? "at" : COMMAND_EXTENSION[name];
  if (needed !== undefined && !known.has(needed)) {
    throw new ProtocolError(
      "state",
      `${name} needs the extension ${needed}, which ${state.greeting?.peer} lacks`,
    );
  }
  const text = formatCommand(command, known.has("form"));
  if (name === "START") return [{ ...state, phase: "running" }, [{ type: "send", text }]];
  if (name === "STOP") return [{ ...state, phase: "finishing" }, [{ type: "send", text }]];
  return [{ ...state, awaiting: name, text: [] }, [{ type: "send", text }]];
}

function refuse(state: DialogueState, name: CommandName): never {
  const busy = state.awaiting === null ? "" : `, while ${state.awaiting} is not answered`;
  throw new ProtocolError("state", `${name} cannot be sent in the state ${state.phase}${busy}`);
}

function receive(state: DialogueState, token: ReplyToken): DialogueStep {
  switch (token.type) {
    case "text":
      return receiveText(state, token.text);
    case "reply":
      return receiveReply(state, token.reply, token.line);
    case "result":
      return receiveResult(state, token);
    case "data":
      if (state.receiving === null) return broken(state, "bytes came that belong to no result");
      return [state, [{ type: "data", what: state.receiving, chunk: token.chunk }]];
    case "result-end":
      return receiveResultEnd(state);
    default:
      return unreachable(token);
  }
}

function receiveText(state: DialogueState, text: string): DialogueStep {
  if (state.phase === "connecting") {
    return broken(
      state,
      `expected the greeting 100 IPBENCH V1.0, got ${quote(text)}: is that an ipbench daemon?`,
    );
  }
  if (state.awaiting !== "HELP" && state.awaiting !== "STATUS" && state.awaiting !== "QUIT") {
    return broken(state, `expected a reply, got ${quote(text)}`);
  }
  if (state.text.length >= MAX_TEXT_LINES) {
    return broken(state, `more than ${MAX_TEXT_LINES} lines without a reply`);
  }
  return [{ ...state, text: [...state.text, text] }, []];
}

function receiveReply(state: DialogueState, reply: Reply, line: string): DialogueStep {
  if (state.phase === "connecting") return receiveGreeting(state, reply, line);
  if (reply.code === 150) {
    if (state.awaiting !== "WATCH") return broken(state, `progress that nobody asked for: ${quote(line)}`);
    return [state, [{ type: "progress", report: parseProgress(reply) }]];
  }
  if (state.awaiting === null) return receiveUnasked(state, reply, line);
  const command = state.awaiting;
  // QUIT may cut in while an answer is on its way: that one is passed over.
  if (command === "QUIT" && reply.code !== 222) return [state, []];
  const text = state.text;
  const effects: DialogueEffect[] = [{ type: "reply", command, reply, text }];
  return [{ ...state, phase: phaseAfter(state.phase, command, reply), awaiting: null, text: [] }, effects];
}

/** A reply that answers no command: what ends a test, or a daemon's last word. */
function receiveUnasked(state: DialogueState, reply: Reply, line: string): DialogueStep {
  if (reply.code < 400) return broken(state, `an answer that nobody asked for: ${quote(line)}`);
  return [{ ...state, phase: "closed" }, [{ type: "test-failed", reply }]];
}

function receiveGreeting(state: DialogueState, reply: Reply, line: string): DialogueStep {
  if (reply.code >= 400) return [{ ...state, phase: "closed" }, [{ type: "test-failed", reply }]];
  try {
    const greeting = parseGreeting(line);
    return [{ ...state, phase: "greeted", greeting }, [{ type: "greeting", greeting }]];
  } catch (error) {
    if (error instanceof ProtocolError) return [{ ...state, phase: "closed" }, [{ type: "broken", error }]];
    throw error;
  }
}

function phaseAfter(phase: DialoguePhase, command: CommandName, reply: Reply): DialoguePhase {
  if (command === "QUIT" || reply.code === 421 || reply.code === 430 || reply.code === 451) return "closed";
  if (reply.code !== 200) return phase;
  switch (command) {
    case "HELLO":
      return "taken";
    case "LOAD":
      return "loaded";
    case "SETUP":
      return "ready";
    default:
      return phase;
  }
}

function receiveResult(state: DialogueState, token: ReplyToken & { type: "result" }): DialogueStep {
  const what = state.awaiting === "ENV" ? "environment" : "result";
  if (what === "result" && state.phase !== "running" && state.phase !== "finishing") {
    return broken(state, `a result came in the state ${state.phase}`);
  }
  const { valid, length, stamps } = token;
  const phase = what === "result" ? "finishing" : state.phase;
  return [{ ...state, phase, receiving: what }, [{ type: "begin", what, valid, length, stamps }]];
}

function receiveResultEnd(state: DialogueState): DialogueStep {
  if (state.receiving === null) return broken(state, "the end of a result that never began");
  const what = state.receiving;
  const next: DialogueState = what === "environment"
    ? { ...state, receiving: null, awaiting: null }
    : { ...state, receiving: null, awaiting: null, phase: "closed" };
  return [next, [{ type: "end", what }]];
}

function receiveEnd(state: DialogueState): DialogueStep {
  const closed: DialogueState = { ...state, phase: "closed", awaiting: null, receiving: null };
  if (state.awaiting === "QUIT") return [closed, [{ type: "closed" }]];
  const waiting = state.phase === "connecting"
    ? "before its greeting"
    : state.awaiting !== null
    ? `instead of answering ${state.awaiting}`
    : state.phase === "running" || state.phase === "finishing"
    ? "before its result"
    : "between two commands";
  return [closed, [{
    type: "broken",
    error: new ProtocolError("eof", `the daemon closed the connection ${waiting}`),
  }]];
}

/** After the end: what comes with a QUIT that crossed, or one byte too many. */
function receiveClosed(
  state: DialogueState,
  event: Exclude<DialogueEvent, { type: "command" }>,
): DialogueStep {
  if (event.type === "eof") return [state, [{ type: "closed" }]];
  if (event.token.type === "reply") return [state, []];
  return broken(state, "bytes came after the end of the result");
}

function broken(state: DialogueState, message: string): DialogueStep {
  const error = new ProtocolError("state", message);
  return [{ ...state, phase: "closed", awaiting: null, receiving: null }, [{ type: "broken", error }]];
}

function unreachable(value: never): never {
  throw new TypeError(`not a case of this machine: ${JSON.stringify(value)}`);
}
