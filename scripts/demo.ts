/**
 * One short latency run over loopback, with every part a process of its own: an echo target, a target daemon with a
 * CPU meter, a tester daemon, and the controller. Prints the CSV header and row and the path of the result document.
 *
 * @module
 */

import { messageOf } from "../base/errors.ts";
import { print, ROOT } from "./lib/steps.ts";

const READY_DEADLINE_MS = 20_000;
const END_DEADLINE_MS = 10_000;
const RUN_DEADLINE_MS = 90_000;
const ARGS = "socktype=udp,size=64,bps=1.024M,warmup=1,cooldown=0.5,samples=4000";

/** A program that runs until it is told to end. */
class Server {
  #child: Deno.ChildProcess;
  #text = "";
  #name: string;

  constructor(program: string, args: string[]) {
    this.#name = `${program} ${args.join(" ")}`;
    const options = { args, stdin: "null", stdout: "null", stderr: "piped" } as const;
    this.#child = new Deno.Command(`${ROOT}dist/${program}`, options).spawn();
    void this.#read();
  }

  async #read(): Promise<void> {
    for await (const chunk of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#text = (this.#text + chunk).slice(-65_536);
    }
  }

  /** Waits for a line of stderr. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const end = performance.now() + READY_DEADLINE_MS;
    while (performance.now() < end) {
      const match = pattern.exec(this.#text);
      if (match !== null) return match;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(
      `${this.#name} was not ready within ${READY_DEADLINE_MS / 1000} s; it said:\n${this.#text}`,
    );
  }

  /** Ends it as an operator would, and by force if that does not help. */
  async end(): Promise<void> {
    const kill = (signal: Deno.Signal) => {
      try {
        this.#child.kill(signal);
      } catch {
        // It has ended.
      }
    };
    kill("SIGTERM");
    const timer = setTimeout(() => kill("SIGKILL"), END_DEADLINE_MS);
    await this.#child.status;
    clearTimeout(timer);
  }
}

/** A port that nobody listens on. */
function freePort(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return String(port);
}

async function demo(servers: Server[]): Promise<number> {
  const start = (program: string, args: string[]): Server => {
    const server = new Server(program, args);
    servers.push(server);
    return server;
  };
  const loopback = ["--ip", "127.0.0.1"];
  const tester = start("ipbenchd", [...loopback, "--port", "0"]);
  const target = start("ipbenchd", [...loopback, "--port", "0", "--target"]);
  const echoPort = freePort();
  const echo = start("ipbench", ["echo", ...loopback, "--udp", echoPort]);
  const port = async (server: Server, pattern: RegExp) => (await server.line(pattern))[1]!;
  const READY = /ready:.* on [^\s;]*:(\d+)/;
  const [testerPort, targetPort] = [await port(tester, READY), await port(target, READY)];
  await echo.line(/ready/i);

  const folder = await Deno.makeTempDir({ prefix: "ipbench-demo-" });
  const [json, csv] = [`${folder}/result.json`, `${folder}/result.csv`];
  const args = [
    ...["run", "--client", "127.0.0.1", "--port", testerPort, "--test", "latency", "--test-args", ARGS],
    ...["--test-target", "127.0.0.1", "--test-port", echoPort, "--test-controller-args", "with_cpu_target"],
    ...[
      "--target-test",
      "cpu_target",
      "--target-test-hostname",
      "127.0.0.1",
      "--target-test-port",
      targetPort,
    ],
    ...["--json", json, "--csv", csv],
  ];
  print(`dist/ipbench ${args.join(" ")}`);
  const run = new Deno.Command(`${ROOT}dist/ipbench`, {
    env: { IPBENCH_HISTORY: "off" },
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(RUN_DEADLINE_MS),
  });
  const { code, stdout } = await run.output();
  const row = new TextDecoder().decode(stdout).trim();
  const columns = row.split(",");
  if (columns.length < 10 || !columns.slice(0, 10).every((column) => Number.isFinite(Number(column)))) {
    print(`demo: the run ended with status ${code}; expected 9 latency columns and CPU use, not: ${row}`);
    return 1;
  }
  if (code !== 0) {
    print("demo: all parts work, but this machine is too busy for figures to rely on: see the reasons above");
  }
  const header = (await Deno.readTextFile(csv)).split("\n")[0]!;
  console.log(header);
  console.log(row);
  console.log(`result document: ${json}`);
  return 0;
}

const servers: Server[] = [];
let status = 1;
try {
  status = await demo(servers);
} catch (error) {
  print(`demo: ${messageOf(error)}`);
} finally {
  await Promise.all(servers.map((server) => server.end()));
}
Deno.exit(status);
