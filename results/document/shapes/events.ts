/**
 * What happened while a run went on that is no result of a tester.
 *
 * @module
 */
import * as v from "valibot";
import { amount, number, open, text } from "./parts.ts";

/** A command that was run on the controller's machine. */
const commandEvent = open({
  kind: v.literal("command"),
  /** The command, as it was given. */
  text,
  /** When it was to begin, from the begin of the measured phase. */
  planned_ns: amount,
  /** When it began, ISO 8601, UTC, by the controller's clock. */
  at: text,
  /** From when to when, on the clock of `total.window`; `end_ns` is `null` when it had to be ended. */
  start_ns: number,
  end_ns: v.nullable(number),
  /** Its exit status. */
  status: v.nullable(number),
  /** The end of what it wrote to its standard error. */
  output: v.exactOptional(text),
});

/** A network interface of a daemon's machine that was down while its test ran. */
const linkEvent = open({
  kind: v.literal("link"),
  /** What happened, for people. */
  text,
  /** Whose interface: "tester" or "target", and its address and port. */
  role: v.picklist(["tester", "target"]),
  host: text,
  iface: text,
  /** When it went down, ISO 8601, UTC, by the controller's clock. */
  at: text,
  /** From when to when, on the clock of `total.window`; `end_ns` is `null` when it was down at the end of the test. */
  start_ns: number,
  end_ns: v.nullable(number),
});

export const runEvent = v.union([commandEvent, linkEvent]);

export type RunEvent = v.InferOutput<typeof runEvent>;
export type CommandEvent = v.InferOutput<typeof commandEvent>;
export type LinkEvent = v.InferOutput<typeof linkEvent>;
