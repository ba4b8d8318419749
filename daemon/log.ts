/**
 * What the daemon logs, on stderr: a line a record, as text or as JSON, with the journal's priorities where it listens.
 *
 * @module
 */
import { configureSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";

/** How records are written. */
export interface LogOptions {
  readonly format: "text" | "json";
  /** Whether debug records are written, too. */
  readonly debug: boolean;
  /** Whether stderr goes to the journal (`JOURNAL_STREAM` is set): each line begins with its priority then. */
  readonly journal: boolean;
  /** Takes one line with its line end. */
  readonly write: (line: string) => void;
}

const PRIORITY: Readonly<Record<LogRecord["level"], number>> = {
  trace: 7,
  debug: 7,
  info: 6,
  warning: 4,
  error: 3,
  fatal: 2,
};

/**
 * Sets the log up for the whole process.
 *
 * @param options How records are written.
 */
export function configureLog(options: LogOptions): void {
  configureSync({
    reset: true,
    sinks: { stderr: (record) => options.write(formatRecord(record, options)) },
    loggers: [
      { category: "ipbenchd", sinks: ["stderr"], lowestLevel: options.debug ? "debug" : "info" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
    ],
  });
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

/** A peer's text must not look like another line, nor move the cursor. */
function escapeControls(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
