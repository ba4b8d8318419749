/**
 * The daemon's side of one connection, as a pure state machine: `transition(state, event) → [state, effects]`. It does
 * no input or output; the session that drives it carries out the effects in their order and reports what became of
 * them as further events.
 *
 * @module
 */
import { MAX_QUEUED_LINES, WATCH_PER_SECOND } from "./limits.ts";
import { type Command, parseCommand } from "./command.ts";
import { formatReply } from "./reply.ts";
import type {
  DaemonEffect,
  DaemonEvent,
  DaemonPhase,
  DaemonState,
  DaemonStep,
  ReceivedLine,
} from "./daemon_types.ts";
import { type DaemonRole, formatHelp } from "./texts.ts";

/**
 * The first line of a request of the web. A page can make the browser of whoever opens it send one here, with lines of
 * the page's choice after it: those must not be carried out.
 */
const HTTP_REQUEST = /\sHTTP\/[0-9]/;
const NO_WEB_SERVER = "This is no web server";

/** Text of a reply to those who have shown no secret. */
const NO_SECRET = "This daemon wants a secret: say AUTH first, or give ipbench --secret-file";

/**
 * The state of a new connection, right after its greeting.
 *
 * @param role What the daemon is for.
 * @param secret Whether it asks for a secret.
 */
export function initialDaemonState(role: DaemonRole, secret: boolean): DaemonState {
  return {
    role,
    phase: "listen",
    auth: secret ? "required" : "open",
    plugin: null,
    pending: null,
    watching: false,
    spoken: false,
    queue: [],
    ended: false,
  };
}

/**
 * Whether this connection has, or waits for, the daemon's test slot.
 *
 * @param state Of the connection.
 */
export function ownsSlot(state: DaemonState): boolean {
  return state.phase !== "listen" && state.phase !== "closed";
}

/**
 * Takes one event.
 *
 * @param state Where the connection stands.
 * @param event What happened.
 * @returns Where it stands then, and what is to be done.
 */
export function daemonTransition(state: DaemonState, event: DaemonEvent): DaemonStep {
  if (state.phase === "closed") return [state, []];
  switch (event.type) {
    case "line":
      return receive(state, event.line);
    case "overflow":
      return close(state, formatReply(500));
    case "eof":
      return ownsSlot(state) || state.pending === null ? close(state) : [{ ...state, ended: true }, []];
    case "lost":
      return close(state);
    case "expired":
      return close(state, formatReply(421, event.message));
    case "taken":
      return answer(state, "taking", "taken", formatReply(200, "Ready to go"));
    case "busy":
      return close(state, formatReply(421, "Already Running"));
    case "loaded":
      return answer(state, "loading", "loaded", formatReply(200));
    case "set-up":
      return answer(state, "setting-up", "ready", formatReply(200));
    case "result":
      if (state.phase !== "running" && state.phase !== "stopping") return [state, []];
      return [closed(state), [{ type: "release" }, { type: "result", result: event.result }, {
        type: "close",
      }]];
    case "failed":
      return close(state, formatReply(451, event.message));
    case "environment":
      return settle(state, "environment", [{ type: "send-environment", json: event.json }]);
    case "no-environment":
      return settle(state, "environment", [send(formatReply(400, event.message))]);
    case "authenticated":
      if (state.pending !== "authentication") return [state, []];
      return settle({ ...state, auth: "done" }, "authentication", [
        send(formatReply(200, `proof=${event.proof}`)),
      ]);
    case "rejected":
      if (state.pending === "authentication") return close(state, formatReply(430));
      return state.pending === "turning-away" ? close(state, formatReply(430, NO_SECRET)) : [state, []];
    case "continued":
      return settle(state, "continue", [
        send(event.ok ? formatReply(200) : formatReply(400, "No test waits")),
      ]);
    default:
      return unreachable(event);
  }
}

/** A line arrived: carry it out, or keep it while an earlier one is being worked on. */
function receive(state: DaemonState, line: ReceivedLine): DaemonStep {
  if (!isBusy(state)) return carryOut(state, line);
  // ABORT has no answer that could overtake another, and must not wait for a plugin that hangs.
  if (line.text?.trim() === "ABORT" && state.auth !== "required") return abort(state);
  if (state.queue.length >= MAX_QUEUED_LINES) return close(state, formatReply(500, "Too many lines at once"));
  return [{ ...state, queue: [...state.queue, line] }, []];
}

function isBusy(state: DaemonState): boolean {
  const { phase } = state;
  return state.pending !== null || phase === "taking" || phase === "loading" || phase === "setting-up" ||
    phase === "stopping";
}

/** Work on a line is done: answer, then take the lines that waited. */
function answer(state: DaemonState, from: DaemonPhase, to: DaemonPhase, text: string): DaemonStep {
  if (state.phase !== from) return [state, []];
  return drain({ ...state, phase: to }, [send(text)]);
}

function settle(
  state: DaemonState,
  pending: NonNullable<DaemonState["pending"]>,
  effects: readonly DaemonEffect[],
): DaemonStep {
  if (state.pending !== pending) return [state, []];
  return drain({ ...state, pending: null }, effects);
}

function drain(state: DaemonState, effects: readonly DaemonEffect[]): DaemonStep {
  let current = state;
  const all = [...effects];
  while (current.queue.length > 0 && !isBusy(current) && current.phase !== "closed") {
    const [line, ...queue] = current.queue;
    const [next, more] = carryOut({ ...current, queue }, line as ReceivedLine);
    current = next;
    all.push(...more);
  }
  if (!current.ended || isBusy(current) || current.phase === "closed") return [current, all];
  const [end, last] = close(current);
  return [end, [...all, ...last]];
}

function carryOut(state: DaemonState, line: ReceivedLine): DaemonStep {
  const parsed = line.text === null ? { ok: false, message: null } as const : parseCommand(line.text);
  if (state.watching) return endWatch(state, line, parsed.ok);
  if (line.text !== null && HTTP_REQUEST.test(line.text)) {
    return close(state, formatReply(500, NO_WEB_SERVER));
  }
  if (!parsed.ok) {
    const word = line.text?.trim().split(/\s/, 1)[0] ?? "";
    if (state.auth === "required") {
      return turnAway(state, word === "AUTH" ? "malformed proof of the secret" : "no secret");
    }
    const expected = line.text !== null && isExpected(state, word);
    return [state, [send(formatReply(500, expected ? parsed.message ?? undefined : undefined))]];
  }
  return obey({ ...state, spoken: true }, parsed.command, line.rxNs);
}

/** Any line ends WATCH; one that is a command is carried out, too. */
function endWatch(state: DaemonState, line: ReceivedLine, isCommand: boolean): DaemonStep {
  const quiet = { ...state, watching: false };
  const effects: DaemonEffect[] = [{ type: "unwatch" }, send(formatReply(200))];
  if (!isCommand) return [quiet, effects];
  const [next, more] = carryOut(quiet, line);
  return [next, [...effects, ...more]];
}

function obey(state: DaemonState, command: Command, rxNs: bigint): DaemonStep {
  switch (command.name) {
    case "HELP":
      return [state, [send(formatHelp(state.role, command.extensions))]];
    case "STATUS":
      return [state, [{ type: "status" }]];
    case "QUIT":
      return close(state, formatReply(222, "Come back soon!"));
    case "AUTH":
      if (state.auth !== "required") return syntaxError(state);
      return [
        { ...state, pending: "authentication" },
        [{ type: "authenticate", nonce: command.nonce, hmac: command.hmac }],
      ];
    default:
      return state.auth === "required" ? turnAway(state, "no secret") : obeyTrusted(state, command, rxNs);
  }
}

/** Whoever talks without the secret is answered after a delay, as whoever guesses it is. */
function turnAway(state: DaemonState, what: string): DaemonStep {
  return [{ ...state, pending: "turning-away" }, [{ type: "turn-away", what }]];
}

type TrustedCommand = Exclude<Command, { name: "HELP" | "STATUS" | "QUIT" | "AUTH" }>;

function obeyTrusted(state: DaemonState, command: TrustedCommand, rxNs: bigint): DaemonStep {
  switch (command.name) {
    case "ABORT":
      return abort(state);
    case "CLOCK":
      return [state, [{ type: "clock", rxNs }]];
    case "WATCH":
      return [{ ...state, watching: true }, [{
        type: "watch",
        everyMs: command.everyMs ?? 1000 / WATCH_PER_SECOND,
      }]];
    case "CONTINUE":
      return [{ ...state, pending: "continue" }, [{ type: "continue" }]];
    case "ENV":
      return [
        { ...state, pending: "environment" },
        [{ type: "environment", iface: command.iface, target: command.target }],
      ];
    default:
      return handshake(state, command);
  }
}

type HandshakeCommand = Extract<Command, { name: "HELLO" | "LOAD" | "SETUP" | "START" | "STOP" }>;

function handshake(state: DaemonState, command: HandshakeCommand): DaemonStep {
  if (!isExpected(state, command.name)) return syntaxError(state);
  switch (command.name) {
    case "HELLO":
      return [{ ...state, phase: "taking" }, [{ type: "take" }]];
    case "LOAD":
      return [
        { ...state, phase: "loading", plugin: command.plugin },
        [{ type: "load", plugin: command.plugin }],
      ];
    case "SETUP":
      if (state.role === "tester" && (command.fields.target === null || command.fields.port === null)) {
        return syntaxError(state, 'a tester needs SETUP target::HOST||port::PORT||args::"ARGS"');
      }
      return [{ ...state, phase: "setting-up" }, [{ type: "setup", fields: command.fields }]];
    case "START":
      return [{ ...state, phase: "running" }, [{ type: "start", atNs: command.atNs }]];
    case "STOP":
      // A tester's result is START's, whoever ends its test.
      if (state.role === "tester") return [state, [{ type: "halt" }]];
      return [{ ...state, phase: "stopping" }, [{ type: "stop", atNs: command.atNs }]];
    default:
      return unreachable(command);
  }
}

/** Whether the handshake waits for this command. Others are always, or never, understood. */
function isExpected(state: DaemonState, name: string): boolean {
  switch (name) {
    case "HELLO":
      return state.phase === "listen";
    case "LOAD":
      return state.phase === "taken";
    case "SETUP":
      return state.phase === "loaded";
    case "START":
      return state.phase === "ready";
    case "STOP":
      return state.phase === "running";
    case "ENV":
      return true;
    case "AUTH":
      return state.auth === "required";
    default:
      return false;
  }
}

function syntaxError(state: DaemonState, message?: string): DaemonStep {
  return [state, [send(formatReply(500, message))]];
}

function abort(state: DaemonState): DaemonStep {
  return [closed(state), [{ type: "abort" }, ...farewell(state), { type: "close" }]];
}

/** Ends the connection: its test first, then a last word, then the connection. */
function close(state: DaemonState, text?: string): DaemonStep {
  const effects = farewell(state);
  if (text !== undefined) effects.push(send(text));
  return [closed(state), [...effects, { type: "close" }]];
}

/** What ends with a connection, before its last word: so the slot is free when the peer reads that. */
function farewell(state: DaemonState): DaemonEffect[] {
  return state.watching ? [{ type: "unwatch" }, { type: "release" }] : [{ type: "release" }];
}

function closed(state: DaemonState): DaemonState {
  return { ...state, phase: "closed", pending: null, watching: false, queue: [] };
}

function send(text: string): DaemonEffect {
  return { type: "send", text };
}

function unreachable(value: never): never {
  throw new TypeError(`not a case of this machine: ${JSON.stringify(value)}`);
}
