/**
 * A program on a terminal as a person has it: script(1) makes the terminal, xterm's own emulator shows what is on it.
 *
 * @module
 */
import headless from "@xterm/headless";
import { kill, programCommand } from "./program.ts";
import { deadline, sleep, until } from "./wait.ts";

/** How big the terminal is, and what the program finds in its environment. */
export interface TerminalStart {
  /** 80 unless said otherwise. */
  columns?: number;
  /** 24 unless said otherwise. */
  rows?: number;
  /** "xterm" unless said otherwise. */
  term?: string;
  /** Nothing is coloured unless this is set. */
  colours?: boolean;
  /** More of the environment. */
  env?: Record<string, string>;
}

/** A running program and its screen. Use it with `await using`: at the end the program is gone. */
export class TestTerminal {
  /** All that the program wrote. */
  raw = "";
  /** The lines of the window each time that live lines had been drawn or taken away, without blanks behind them. */
  readonly frames: string[][] = [];
  readonly #child: Deno.ChildProcess;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;
  readonly #screen: InstanceType<typeof headless.Terminal>;
  readonly #shown: Promise<void>;

  private constructor(child: Deno.ChildProcess, columns: number, rows: number) {
    this.#child = child;
    this.#keyboard = child.stdin.getWriter();
    this.#screen = new headless.Terminal({ cols: columns, rows, scrollback: 5_000, allowProposedApi: true });
    this.#shown = this.#show();
  }

  /**
   * Starts `dist/ipbench` or `dist/ipbenchd` on a terminal.
   *
   * @param name Which program.
   * @param args Its arguments.
   * @param start How the terminal is.
   */
  static open(name: "ipbench" | "ipbenchd", args: string[], start: TerminalStart = {}): TestTerminal {
    const { path, args: before } = programCommand(name);
    return TestTerminal.run([path, ...before, ...args], start);
  }

  /** Starts any program on a terminal. */
  static run(words: string[], start: TerminalStart = {}): TestTerminal {
    const { columns = 80, rows = 24 } = start;
    const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const { NO_COLOR: _, ...env } = Deno.env.toObject();
    Object.assign(env, start.env, { LANG: "C.UTF-8", SHELL: "/bin/sh", TERM: start.term ?? "xterm" });
    if (start.colours !== true) env["NO_COLOR"] = "1";
    const child = new Deno.Command("script", {
      args: ["-q", "-e", "-f", "-c", `stty cols ${columns} rows ${rows}; exec ${command}`, "/dev/null"],
      clearEnv: true,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    return new TestTerminal(child, columns, rows);
  }

  async #show(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.raw += text;
      // deno-lint-ignore no-control-regex -- with this live lines end
      for (const part of text.split(/(?<=\x1b\[J)/)) {
        await new Promise<void>((shown) => this.#screen.write(part, shown));
        // What is live is drawn whole, down to the end of the window; between two of these a reader sees nothing.
        if (part.endsWith("\x1b[J")) this.frames.push(this.screen());
      }
    }
  }

  /** The lines of the window. */
  screen(): string[] {
    const { viewportY } = this.#screen.buffer.active;
    return this.#lines(viewportY, this.#screen.rows);
  }

  /** All lines, those that have left the window upwards too; what the window broke in two is one line. */
  lines(): string[] {
    const lines: string[] = [];
    const buffer = this.#screen.buffer.active;
    for (const [i, text] of this.#lines(0, buffer.length).entries()) {
      if (buffer.getLine(i)?.isWrapped === true) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** Lines that were too long for the window. */
  wrapped(): string[] {
    const buffer = this.#screen.buffer.active;
    return this.#lines(0, buffer.length).filter((_, i) => buffer.getLine(i)?.isWrapped === true);
  }

  #lines(from: number, count: number): string[] {
    const buffer = this.#screen.buffer.active;
    return Array.from({ length: count }, (_, i) => buffer.getLine(from + i)?.translateToString(true) ?? "");
  }

  /** Presses keys: "\x03" is Ctrl-C. */
  async press(keys: string): Promise<void> {
    await this.#keyboard.write(new TextEncoder().encode(keys));
  }

  /** Waits until a line of the window looks like this. Gives what was found. */
  async see(what: string, ms: number, pattern: RegExp): Promise<RegExpExecArray> {
    try {
      return await until(what, ms, () => pattern.exec(this.screen().join("\n")) ?? undefined);
    } catch (cause) {
      throw new Error(`${what}; on the terminal: ${JSON.stringify(this.lines())}`, { cause });
    }
  }

  /** Waits until nothing has been written for a while. */
  async quiet(ms = 400, most = 10_000): Promise<void> {
    let length = -1;
    const end = performance.now() + most;
    while (length !== this.raw.length && performance.now() < end) {
      length = this.raw.length;
      await sleep(ms);
    }
  }

  /** Waits until live lines have been drawn or taken away so often. */
  async redraws(count: number, ms = 20_000): Promise<void> {
    await until("live lines are drawn", ms, () => this.frames.length >= count);
  }

  /** Waits for the program's end. Gives its exit status. */
  async end(ms = 60_000): Promise<number> {
    const status = await deadline("the program on the terminal ends", ms, this.#child.status);
    await this.#shown;
    return status.code;
  }

  /** Ends the program, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#child.pid, "SIGHUP");
    const hard = setTimeout(() => kill(this.#child.pid, "SIGKILL"), 5_000);
    await this.#child.status;
    clearTimeout(hard);
    await this.#keyboard.close().catch(() => {});
    await this.#shown;
    this.#screen.dispose();
  }
}
