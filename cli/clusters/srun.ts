/**
 * `ipbench run --slurm -N 64`: testers that Slurm's srun starts, for a run whose controller is this process.
 *
 * @module
 */

import { within } from "../../base/deadline.ts";
import { formatAddress } from "../../config/address.ts";
import type { RunDescription } from "../../config/run_description.ts";
import type { ProgressEvent } from "../../controller/run/progress.ts";
import { OwnFolder } from "../../controller/quick/own_folder.ts";
import { DAEMON_ARGUMENT, selfPath } from "../../ffi/self/self.ts";
import { createSecret } from "../../protocol/mod.ts";
import { EXIT, ExitError } from "../exit.ts";
import { reasonOf } from "../input/read_bytes.ts";
import type { RunOptionValues } from "../run_options.ts";
import type { RunWatcher } from "../stream/tally.ts";
import { runTool } from "../system_tool.ts";
import { note } from "../terminal/io.ts";

/** What is listened to unless given. */
const LISTEN = "8038";
/** How long daemons are waited for unless given: the job may have to wait for its nodes. */
const WAIT = "3600s";
/** How long srun may take to report that it is there, in ms. */
const VERSION_MS = 10_000;
/** How long srun has to end when the run has, and again after each signal, in ms. */
const END_MS = 10_000;
/** Messages of daemons that are not worth a line here. */
const USUAL = /^\d+: ipbenchd: (?!error)/;

/** The options that are about this. */
export interface SlurmOptions {
  slurm?: boolean;
  nodes?: string;
}

/** The testers of one run. */
export class SlurmTesters implements RunWatcher, AsyncDisposable {
  #start: (() => void) | null = null;
  #child: Deno.ChildProcess | null = null;
  #running = false;
  #over = false;
  /** Why there are no testers, when srun has ended before the tests ran. */
  failure: string | null = null;

  private constructor(
    readonly program: string,
    readonly nodes: string,
    /** The options of the run, completed. */
    readonly options: RunOptionValues,
    readonly folder: OwnFolder | null,
  ) {}

  /**
   * Prepares a run whose testers Slurm starts.
   *
   * @param options Those of the run.
   * @returns `null` when it is none.
   * @throws {ExitError} when it cannot be one.
   */
  static async prepare(options: RunOptionValues & SlurmOptions): Promise<SlurmTesters | null> {
    const { slurm, nodes, ...rest } = options;
    if (slurm !== true) {
      if (nodes === undefined) return null;
      throw new ExitError(EXIT.USAGE, "-N says on how many nodes Slurm starts testers: give --slurm, too");
    }
    if (nodes === undefined) {
      throw new ExitError(EXIT.USAGE, "--slurm: on how many nodes? Say it with -N, such as -N 64");
    }
    if (!/^[1-9]\d{0,5}$/.test(nodes)) {
      throw new ExitError(
        EXIT.USAGE,
        `-N: ${JSON.stringify(nodes)} is no number of nodes; expected such as 64`,
      );
    }
    const program = selfPath();
    if (program === null) {
      throw new ExitError(
        EXIT.USAGE,
        "--slurm needs a program that nodes can start: build ipbench, and run that",
      );
    }
    await runTool("srun", ["--version"], "", AbortSignal.timeout(VERSION_MS)).catch((cause) => {
      throw new ExitError(EXIT.USAGE, `--slurm: ${reasonOf(cause)} (Debian: slurm-client)`, { cause });
    });
    const hasSecret = rest.secretFile !== undefined || (Deno.env.get("IPBENCH_SECRET_FILE") ?? "") !== "";
    const folder = hasSecret ? null : await OwnFolder.make();
    if (folder !== null) {
      await Deno.writeTextFile(folder.secretFile, createSecret(), { createNew: true, mode: 0o600 });
    }
    const completed = {
      ...rest,
      listen: rest.listen ?? LISTEN,
      expect: rest.expect ?? nodes,
      wait: rest.wait ?? WAIT,
      ...folder !== null && { secretFile: [folder.secretFile] },
    };
    return new SlurmTesters(program, nodes, completed, folder);
  }

  /**
   * Reports what the testers are started for, which is done when the run begins: when nothing is wrong with it.
   *
   * @param description The run's.
   * @param onFailure Called when there will be no testers; `failure` has the reason.
   */
  startWith(description: RunDescription, onFailure: () => void): void {
    this.#start = () => {
      try {
        this.#run(description, onFailure);
      } catch (error) {
        this.failure = `cannot start srun: ${reasonOf(error)}`;
        onFailure();
      }
    };
  }

  begin(): void {
    this.#start?.();
    this.#start = null;
  }

  take(event: ProgressEvent): void {
    // From then on testers are missed by the run itself.
    if (event.kind === "schedule") this.#running = true;
  }

  #run({ listen, secretFile }: RunDescription, onFailure: () => void): void {
    const { host, port } = listen!;
    const controller = formatAddress({ host: host ?? Deno.hostname(), port });
    const secret = Deno.readFileSync(secretFile!);
    const child = new Deno.Command("srun", {
      args: [
        ...["--nodes", this.nodes, "--ntasks", this.nodes, "--ntasks-per-node=1", "--job-name=ipbench"],
        ...["--no-kill", "--kill-on-bad-exit=0", "--wait=0", "--label", "--input=all"],
        ...[this.program, DAEMON_ARGUMENT, "--join", controller, "--once", "--secret-file", "/dev/stdin"],
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
      detached: true, // Ctrl-C at the terminal is for us; we then end the test in order
    }).spawn();
    this.#child = child;
    const writer = child.stdin.getWriter();
    void writer.write(secret).then(() => writer.close()).catch(() => {}); // srun reports itself what is wrong
    void pass(child.stderr);
    void child.status.then(({ code }) => {
      if (this.#running || this.#over) return;
      this.failure = `srun has ended with status ${code}, and the tests have not begun`;
      onFailure();
    });
  }

  /** Waits until srun has ended, and ends it when it does not: the step of a node that has died never does. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true;
    const child = this.#child;
    if (child !== null) {
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        if (await within(child.status, this.#running ? END_MS : 0)) break;
        child.kill(signal);
      }
    }
    await this.folder?.[Symbol.asyncDispose]();
  }
}

/** Shows what srun reports, and what daemons report that is unusual. */
async function pass(stream: ReadableStream<Uint8Array>): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (!USUAL.test(line)) note(line);
  }
}
