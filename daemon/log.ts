/**
 * What the daemon logs, on stderr: a line a record, as text or as JSON, with the journal's priorities where it listens.
 *
 * @module
 */
import {
  configureSync,
  fromAsyncSink,
  getLogger,
  type Logger,
  type LogRecord,
  type Sink,
} from "@logtape/logtape";
import { within } from "../base/deadline.ts";
import { LOG_QUEUE_RECORDS } from "./limits.ts";

/** How records are written. */
export interface LogOptions {
  readonly format: "text" | "json";
  /** Whether debug records are written, too. */
  readonly debug: boolean;
  /** Whether stderr goes to the journal (`JOURNAL_STREAM` is set): each line begins with its priority then. */
  readonly journal: boolean;
  /** Takes one line with its line end; the next one waits until it is written. */
  readonly write: (line: string) => Promise<void>;
}

const PRIORITY: Readonly<Record<LogRecord["level"], number>> = {
  trace: 7,
  debug: 7,
  info: 6,
  warning: 4,
  error: 3,
  fatal: 2,
};

/** Records on their way out. */
export interface LogQueue {
  readonly sink: Sink;
  /**
   * Waits until all that was logged so far is written.
   *
   * @param ms Longest wait.
   * @returns Whether it is.
   */
  flush(ms: number): Promise<boolean>;
}

/**
 * Makes a queue with a limit: a log that is read too slowly, or not at all, must not stop the daemon. Records that do not fit
 * are dropped and counted; the count is logged when there is room again.
 *
 * @param options How records are written.
 */
export function createLogQueue(options: Omit<LogOptions, "debug">): LogQueue {
  let dropped = 0;
  const write = async (record: LogRecord): Promise<void> => {
    await options.write(formatRecord(record, options));
    const lost = dropped;
    dropped = 0;
    if (lost === 0) return;
    const text = `${lost} lines of this log were dropped: nobody read it in time`;
    const properties = { event: "dropped", dropped: lost };
    const notice = {
      ...record,
      level: "warning",
      message: [text],
      timestamp: Date.now(),
      properties,
    } as const;
    await options.write(formatRecord(notice, options));
  };
  const queue = fromAsyncSink(write, {
    maxQueueSize: LOG_QUEUE_RECORDS,
    overflow: "drop-newest",
    onDrop: ({ count }) => void (dropped += count),
  });
  return { sink: (record) => queue(record), flush: (ms) => within(queue.drain(), ms) };
}

/**
 * Sets the log up for the whole process.
 *
 * @param options How records are written.
 * @returns Its queue, to be flushed at the end.
 */
export function configureLog(options: LogOptions): LogQueue {
  const queue = createLogQueue(options);
  configureSync({
    reset: true,
    sinks: { stderr: queue.sink },
    loggers: [
      { category: "ipbenchd", sinks: ["stderr"], lowestLevel: options.debug ? "debug" : "info" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
  return queue;
}

/** The daemon's logger. */
export function daemonLog(): Logger {
  return getLogger("ipbenchd");
}

/**
 * Writes one record as a line.
 *
 * @param record The record.
 * @param options Its form.
 * @returns The line with its line end; control characters in it are escaped.
 */
export function formatRecord(record: LogRecord, options: Pick<LogOptions, "format" | "journal">): string {
  const message = record.message.map(String).join("");
  const priority = options.journal ? `<${PRIORITY[record.level]}>` : "";
  if (options.format === "json") {
    const time = new Date(record.timestamp).toISOString();
    const fields = { time, level: record.level, program: "ipbenchd", message, ...record.properties };
    return priority + JSON.stringify(fields, (_key, value) =>
      typeof value === "bigint" ? String(value) : value) +
      "\n";
  }
  const level = record.level === "info" ? "" : `${record.level}: `;
  return `${priority}ipbenchd: ${level}${escapeControls(message)}\n`;
}

/** Escapes what a peer sent, so that it can neither fake a line of the log nor move a terminal's cursor. */
function escapeControls(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
