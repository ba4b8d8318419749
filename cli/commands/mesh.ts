/**
 * `ipbench mesh`: all pairs of many hosts.
 *
 * @module
 */

import type { Command } from "commander";
import { type Address, formatAddress, hostProblem, parseAddress, parsePort } from "../../config/address.ts";
import { tlsOf } from "../../config/command_line.ts";
import { daemonsOf } from "../../config/daemons.ts";
import { parseHostFiles, strayHosts, typedKeys } from "../../config/hosts/host_files.ts";
import { DEFAULT_CLIENT_PORT, defaultRun } from "../../config/run_description.ts";
import type { MeshHostDescription, MeshOptions } from "../../controller/mesh/run_mesh.ts";
import type { MeshDocument } from "../../results/mesh/document.ts";
import { csvRow } from "../../results/export/csv_file.ts";
import { EXIT, ExitError } from "../exit.ts";
import { addHistoryOptions, Recorder, type RecorderOptions } from "../history/recorder.ts";
import { isConfig } from "../daemons.ts";
import { expandHosts } from "../input/host_words.ts";
import { Problems, problemsOfRuns } from "../problems.ts";
import { Output } from "../result_files.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { checkKeys, keyOptions, readConfig } from "../run_options.ts";
import { catchInterruption } from "../signals.ts";
import { note, out, widthOf } from "../terminal/io.ts";
import { MeshReporter } from "../terminal/mesh_reporter.ts";
import { plainText } from "../terminal/text.ts";
import { buildOf, runnerOf } from "../trial_runner.ts";
import { completeKeys, type KeyOptions } from "../secret.ts";
import { LastSteps } from "../unwritten.ts";

interface Options extends KeyOptions, RecorderOptions {
  port?: string;
  targetPort?: string;
  servicePort?: string;
  delayArgs?: string;
  sleep?: boolean;
  rateArgs?: string;
  delay: boolean;
  rate: boolean;
  apart?: boolean;
  json?: string;
  csv?: string;
  report?: string;
  resume?: boolean;
  requireSecret?: boolean;
  reset?: boolean;
  debug?: boolean;
  quiet?: boolean;
  tlsCert?: string;
  tlsKey?: string;
}

const DELAY_ARGS =
  "socktype=udp,bps=512k,size=64,warmup=0.1,duration=0.5,cooldown=0,drain=0.5,late=0.1,noise=0,limits=shared";
const SLEEPING_ARGS =
  "proto=udp,request=64,rate=1000,connections=16,wait=sleep,warmup=0.1,duration=0.5,cooldown=0,drain=0.5,late=0.1,limits=shared";
const RATE_ARGS = "direction=up,warmup=0.2,duration=0.5";
/** Where a mesh's services listen, from here on. */
const SERVICE_PORT = 17_000;
const LEAST_PAIRS = 2;

const HELP = `
Every host needs two daemons: "ipbenchd" (port 8036), which measures, and
"ipbenchd --target" (one port further, 8037), which answers. In each round every
host is in one pair: N hosts take N-1 rounds, an odd number N. Both directions
of a pair run at the same time; with --apart one after the other. A round
measures delay and loss (latency over UDP against the target's echo), then the
rate (stream). The slow or lossy link is named when it stands out of the scatter
of the others, and told from a slow host (docs/mesh.md).

HOST=ADDRESS: others send to that address. HOST:PORT: its tester is there, its
target one port further. A file in XML gives the hosts of its daemons.

Examples:
  ipbench mesh a b c d
  ipbench mesh lab.xml --json mesh.json --report mesh.html
  ipbench mesh "10.0.0.[1-8]=192.168.7.[1-8]" --no-rate
  ipbench mesh --json mesh.json --resume a b c d
  ipbench report mesh.json

Exit status: 0 all pairs measured, 1 some were not, 2 wrong use,
130 interrupted.
`;

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const { secretFile, tls } = keyOptions();
  const command = program.command("mesh").description(
    "measure all pairs of many hosts, and name the slow link",
  )
    .argument(
      "[host...]",
      "HOST, HOST:PORT, HOST=ADDRESS, lab[1-4], lab[1-4]=10.0.0.[1-4], @FILE of hosts, or a configuration (FILE.xml) for the hosts in it",
    )
    .option("-p, --port <port>", `control port of the testers (default: ${DEFAULT_CLIENT_PORT})`)
    .option("--target-port <port>", "control port of the targets (default: one above the tester's)")
    .option(
      "--service-port <port>",
      `where the targets answer: two ports a host, from here on (default: ${SERVICE_PORT})`,
    )
    .option("--delay-args <args>", "arguments of latency (default: 64 bytes over UDP, 1,000 a second, 0.5 s)")
    .option("--sleep", "sleep between packets (rr instead of latency), where many hosts share few processors")
    .option("--rate-args <args>", `arguments of stream (default: ${RATE_ARGS})`)
    .option("--no-delay", "do not measure delay and loss")
    .option("--no-rate", "do not measure rates")
    .option("--apart", "measure the two directions of a pair one after the other")
    .option("--json <file>", "write the document, after each round; - for the standard output")
    .option("--resume", "measure only what is missing in the file of --json")
    .option("--csv <file>", "write one row a direction; - for the standard output")
    .option("--report <file>", "write a page with heat maps (HTML)")
    .option("-r, --reset", "first end whatever runs on the daemons")
    .option("-d, --debug", "print on stderr what is sent and received")
    .option("-q, --quiet", "print no matrices and no progress")
    .addOption(secretFile)
    .option("--require-secret", "refuse daemons that ask for no secret, instead of a warning")
    .addOption(tls[0])
    .addOption(tls[1])
    .addOption(tls[2]);
  addHistoryOptions(command)
    .addHelpText("after", HELP)
    .action(async (words: string[], options: Options) => await mesh(words, options));
}

async function mesh(words: readonly string[], options: Options): Promise<void> {
  const settings = await describe(words, options);
  await checkArguments(settings);
  const { meshPage } = await import("../../results/mesh/page.ts");
  const { meshLines, meshRows, meshSentences } = await import("../../results/mesh/table.ts");
  await using json = await Output.open(options.json);
  await using csv = await Output.open(options.csv);
  await using report = await Output.open(options.report);
  if (json?.isStdout === true && csv?.isStdout === true) {
    throw new ExitError(
      EXIT.USAGE,
      "the standard output takes either the document or the rows: --json or --csv",
    );
  }
  const recorder = await Recorder.open(options);
  const document = await measure(settings, options, json);
  const print = json?.isStdout === true || csv?.isStdout === true ? note : (line: string) => out(`${line}\n`);
  const steps = new LastSteps();
  await steps.take(() => {
    if (options.quiet !== true) {
      meshLines(document, widthOf(Deno.stdout)).forEach((line) => print(plainText(line)));
    }
    for (const sentence of meshSentences(document)) print(plainText(sentence));
  });
  await steps.take(() => json?.write(textOf(document)));
  if (!document.interrupted) await recorder.addMesh(document);
  await steps.take(() => csv?.write(meshRows(document).map(csvRow).join("")));
  await steps.take(() => report?.write(meshPage(document, `Mesh of ${document.hosts.length} hosts`)));
  if (document.interrupted) {
    return steps.end(
      EXIT.INTERRUPTED,
      options.json === undefined || json?.isStdout === true
        ? "interrupted"
        : `interrupted; what was measured is in ${options.json}; go on with --resume`,
    );
  }
  const missing = document.pairs.some(({ delay, rate_bps }) => delay === null && rate_bps === null);
  steps.end(missing ? EXIT.FAILED : EXIT.OK);
}

function textOf(document: MeshDocument): string {
  return `${JSON.stringify(document)}\n`;
}

async function measure(settings: MeshOptions, options: Options, json: Output | null): Promise<MeshDocument> {
  const { runMesh } = await import("../../controller/mesh/run_mesh.ts");
  const { SYSTEM_CLOCK } = await import("../../controller/run/runner.ts");
  const { writeFileAtomic } = await import("../../controller/store/atomic_file.ts");
  const reporter = new MeshReporter(options.quiet === true);
  using interruption = catchInterruption((name) =>
    reporter.line(`ipbench: ${name}: ending this round; what is measured is kept (once more: at once)`)
  );
  let warned = false;
  return await runMesh(settings, {
    run: await runnerOf(options.debug === true),
    clock: SYSTEM_CLOCK,
    signal: interruption.signal,
    onEvent: (event) => reporter.take(event),
    async keep(document) {
      if (json?.file === undefined || json.file === null) return;
      try {
        await writeFileAtomic(options.json!, textOf(document));
      } catch (error) {
        if (!warned) reporter.line(`ipbench: warning: cannot write ${options.json}: ${reasonOf(error)}`);
        warned = true;
      }
    },
  });
}

async function describe(words: readonly string[], options: Options): Promise<MeshOptions> {
  const problems: string[] = [];
  const portOf = (name: string, text: string | undefined): number | null => {
    if (text === undefined) return null;
    const port = parsePort(text);
    if (typeof port === "number") return port;
    problems.push(`${name}: ${port}`);
    return null;
  };
  const port = portOf("--port", options.port) ?? DEFAULT_CLIENT_PORT;
  const targetPort = portOf("--target-port", options.targetPort);
  const servicePort = portOf("--service-port", options.servicePort) ?? SERVICE_PORT;
  const keys = completeKeys(options);
  const files = { secretFile: parseHostFiles(keys.secretFile), tlsCa: parseHostFiles(keys.tlsCa) };
  const { tls, problem } = tlsOf({ ...keys, tlsCa: files.tlsCa.all });
  if (problem !== null) problems.push(`${problem.where}: ${problem.message}`);
  const hosts = new Map<string, MeshHostDescription>();
  const add = (address: Address, to: string, own: MeshHostDescription["keys"]) => {
    const name = address.port === DEFAULT_CLIENT_PORT || options.port !== undefined && address.port === port
      ? address.host
      : formatAddress(address);
    if (hosts.has(name)) problems.push(`${name} is named twice`);
    hosts.set(name, {
      name,
      ...address,
      targetPort: targetPort ?? Math.min(address.port + 1, 65535),
      address: to,
      keys: own,
    });
  };
  for (const word of words) {
    if (isConfig(word)) {
      const own = (daemon: Address) => typedKeys(files, daemon);
      const { daemons, places } = daemonsOf(await readConfig(word), { client: port, target: port }, own);
      // Testers come first; a host's target is its own affair, and so are its keys.
      const first = new Map(daemons.toReversed().map((daemon) => [daemon.host, daemon]));
      const isFirst = (daemon: Address) => first.get(daemon.host) === daemon;
      const clients = daemons.map((daemon) =>
        isFirst(daemon) ? daemon : { host: daemon.host, port: daemon.port }
      );
      await checkKeys({ clients }, places, options);
      for (const { host, port: at, ...ownKeys } of daemons.filter(isFirst)) {
        add({ host, port: at }, host, ownKeys);
      }
      continue;
    }
    for (const each of await expandHosts([word], null)) {
      const [text = "", to] = each.split("=", 2);
      const address = parseAddress(text, port);
      if (typeof address === "string") {
        problems.push(address);
        continue;
      }
      const wrong = to === undefined ? null : hostProblem(to);
      if (wrong !== null) problems.push(`in ${JSON.stringify(each)}, ${wrong}`);
      add(address, to ?? address.host, typedKeys(files, address));
    }
  }
  const stray = [
    ...strayHosts(files.secretFile, [...hosts.values()]),
    ...strayHosts(files.tlsCa, [...hosts.values()]),
  ];
  if (stray.length > 0) {
    problems.push(`keys for ${[...new Set(stray)].join(", ")}, which is none of the hosts`);
  }
  if (hosts.size < LEAST_PAIRS) {
    problems.push("which hosts? Give at least two, or a configuration that names them");
  }
  if (!options.delay && !options.rate) problems.push("--no-delay and --no-rate leave nothing to measure");
  if (servicePort + 2 * hosts.size - 1 > 65535) {
    problems.push(`--service-port: ${hosts.size} hosts need ${2 * hosts.size} ports from ${servicePort} on`);
  }
  if (options.resume === true && (options.json === undefined || options.json === "-")) {
    problems.push("--resume needs the file: give --json FILE");
  }
  const { MAX_MESH_HOSTS } = await import("../../results/mesh/document.ts");
  if (hosts.size > MAX_MESH_HOSTS) problems.push(`${hosts.size} hosts are more than ${MAX_MESH_HOSTS}`);
  if (problems.length > 0) throw new ExitError(EXIT.USAGE, problems.join("\n"));
  const settings: MeshOptions = {
    hosts: [...hosts.values()],
    delayTest: options.sleep === true ? "rr" : "latency",
    delayArgs: options.delay
      ? options.delayArgs ?? (options.sleep === true ? SLEEPING_ARGS : DELAY_ARGS)
      : null,
    rateArgs: options.rate ? options.rateArgs ?? RATE_ARGS : null,
    both: options.apart !== true,
    servicePort,
    common: {
      secretFile: files.secretFile.all ?? null,
      tls,
      debug: options.debug === true,
      reset: options.reset === true,
      ...options.requireSecret === true && { requireSecret: true },
    },
    before: null,
    ipbench: buildOf(),
  };
  return { ...settings, before: options.resume === true ? await earlier(options.json!, settings) : null };
}

/**
 * Asks the tests what is wrong with their arguments, before the first round.
 *
 * @throws {ConfigError} naming the option.
 */
async function checkArguments(
  { hosts, delayTest, delayArgs, rateArgs, servicePort }: MeshOptions,
): Promise<void> {
  const problems = new Problems();
  for (
    const [where, test, args] of [["--delay-args", delayTest, delayArgs], [
      "--rate-args",
      "stream",
      rateArgs,
    ]] as const
  ) {
    if (args === null) continue;
    const { host, port, address: target } = hosts[0]!;
    const run = defaultRun(test, [{ host, port, target, targetPort: servicePort, args }]);
    problems.add(...await problemsOfRuns(run, new Map([["clients[0].args", { text: args, where }]])));
  }
  problems.end();
}

/** What an earlier mesh of the same hosts has measured. */
async function earlier(path: string, settings: MeshOptions): Promise<MeshDocument | null> {
  const { MeshError, parseMesh } = await import("../../results/mesh/document.ts");
  let document: MeshDocument;
  try {
    document = parseMesh(await Deno.readTextFile(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    const why = cause instanceof MeshError ? cause.message : reasonOf(cause);
    throw new ExitError(EXIT.USAGE, `--resume: ${path}: ${why}`, { cause });
  }
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const hosts = settings.hosts.map(({ name, address }) => [name, address]);
  if (!same(document.hosts.map(({ name, address }) => [name, address]), hosts)) {
    throw new ExitError(EXIT.USAGE, `--resume: ${path} is of other hosts, or of another order`);
  }
  if (
    document.delay_args !== settings.delayArgs || document.rate_args !== settings.rateArgs ||
    document.both !== settings.both
  ) {
    throw new ExitError(EXIT.USAGE, `--resume: ${path} was measured with other arguments`);
  }
  return document;
}
