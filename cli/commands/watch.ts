/**
 * `ipbench watch`: the progress of the tests on daemons, live, from anywhere.
 *
 * @module
 */

import type { Command } from "commander";
import { type Address, formatAddress } from "../../config/address.ts";
import { type DaemonAccess, openDaemon } from "../../controller/link/daemon_access.ts";
import type { ProgressReport } from "../../protocol/mod.ts";
import { addDaemonsCommand, type DaemonOptions, wordsOf } from "../daemons.ts";
import { EXIT, ExitError } from "../exit.ts";
import { plainText } from "../terminal/text.ts";
import { canRewrite, draw, out } from "../terminal/io.ts";
import { LiveBlock } from "../terminal/live_block.ts";
import { type LiveLine, LiveTable } from "../terminal/live_table.ts";
import { figures } from "../terminal/live_view.ts";
import { catchInterruption } from "../signals.ts";

/** A daemon reports five times a second; one that is silent for so long is gone. */
const SILENCE_MS = 10_000;
/** Where there is no terminal, a line a daemon so often. */
const PLAIN_INTERVAL_MS = 1_000;

const HELP = `
Shows phase, elapsed time, rate, loss and percentiles until Ctrl-C; with
--until-idle until no test runs any more. On a terminal the lines are updated in
place, elsewhere each daemon gets a line a second, on stdout.

Examples:
  ipbench watch 10.0.0.2 10.0.0.3
  ipbench watch --until-idle lab.xml

Exit status: 0 ended by --until-idle, 1 a daemon cannot be watched, 2 wrong use,
130 ended by Ctrl-C.
`;

interface WatchOptions extends DaemonOptions {
  untilIdle?: boolean;
}

/** What is known of one daemon; `content` is shown. */
interface Watched {
  address: Address;
  content: LiveLine["content"];
  running: boolean;
  failed: boolean;
  lastPlainMs: number;
}

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  addDaemonsCommand<WatchOptions>(
    program,
    { name: "watch", description: "follow the tests that run on daemons", help: HELP },
    ({ addresses, access }, { untilIdle }) => watch(addresses, access, untilIdle ?? false),
  ).option("--until-idle", "end when no test runs any more");
}

async function watch(addresses: Address[], access: DaemonAccess, untilIdle: boolean): Promise<void> {
  const daemons = addresses.map((address): Watched => (
    { address, content: "connecting", running: true, failed: false, lastPlainMs: -Infinity }
  ));
  const screen = openScreen(daemons);
  using interruption = catchInterruption(() => {});
  const followed = daemons.map((daemon) =>
    follow(daemon, access, untilIdle, interruption.signal, screen.changed).catch((error) => {
      if (interruption.signal.aborted) return;
      daemon.failed = true;
      daemon.running = false;
      daemon.content = `failed: ${wordsOf(error)}`;
      screen.changed(daemon, true);
    })
  );
  await Promise.all(followed);
  screen.changed(null, true);
  screen.close();
  if (interruption.signal.aborted) throw new ExitError(EXIT.INTERRUPTED);
  if (daemons.some(({ failed }) => failed)) throw new ExitError(EXIT.FAILED);
}

async function follow(
  daemon: Watched,
  access: DaemonAccess,
  untilIdle: boolean,
  signal: AbortSignal,
  changed: (daemon: Watched, now: boolean) => void,
): Promise<void> {
  const { connection, greeting } = await openDaemon(daemon.address, access);
  const close = () => connection.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    if (signal.aborted) return;
    if (!greeting.extensions.has("watch")) throw new Error(`${greeting.peer} does not know WATCH`);
    await connection.send({ name: "WATCH" });
    for (;;) {
      const received = await connection.receive(SILENCE_MS);
      if (received.type !== "progress") throw new Error("the daemon ended the watching");
      daemon.running = received.report !== null;
      daemon.content = describe(received.report);
      const ended = untilIdle && !daemon.running;
      changed(daemon, ended);
      if (ended) return;
    }
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

function describe(report: ProgressReport | null): LiveLine["content"] {
  if (report === null) return "idle";
  const { test, phase } = report;
  return {
    test: plainText(test),
    phase: plainText(phase),
    ...figures(report),
  };
}

/** Lines in place on a terminal, else lines one after another; both on stdout, for they are what was asked for. */
function openScreen(daemons: Watched[]): {
  changed(daemon: Watched | null, now: boolean): void;
  close(): void;
} {
  const table = new LiveTable();
  const lineOf = ({ address, content }: Watched): LiveLine => ({
    name: formatAddress(address),
    content: typeof content === "string" ? plainText(content) : content,
  });
  if (!canRewrite(Deno.stdout)) {
    const width = Math.max(...daemons.map(({ address }) => formatAddress(address).length));
    return {
      changed(daemon, now) {
        if (daemon === null) return;
        const time = performance.now();
        if (!now && time - daemon.lastPlainMs < PLAIN_INTERVAL_MS) return;
        daemon.lastPlainMs = time;
        out(table.set([lineOf(daemon)], width, Infinity).join("") + "\n");
      },
      close() {},
    };
  }
  const block = new LiveBlock(draw);
  return {
    changed() {
      const { columns, rows } = LiveBlock.room();
      const lines = daemons.length <= rows ? daemons : daemons.slice(0, rows - 1);
      const name = LiveTable.nameWidth(lines.map(({ address }) => formatAddress(address)), columns);
      const drawn = table.set(lines.map(lineOf), name, columns);
      if (daemons.length > lines.length) drawn.push(`… and ${daemons.length - lines.length} more`);
      block.draw(drawn);
    },
    close: () => block.keep(),
  };
}
