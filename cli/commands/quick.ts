/**
 * `ipbench quick`: what a host and the network to it can do, in half a minute and on one screen.
 *
 * @module
 */
import type { Command } from "commander";
import { formatAddress, parseAddress } from "../../config/address.ts";
import { tlsOf } from "../../config/command_line.ts";
import { parseHostFiles, typedKeys } from "../../config/hosts/host_files.ts";
import { DEFAULT_CLIENT_PORT } from "../../config/run_description.ts";
import { QuickError } from "../../controller/quick/missing.ts";
import type { QuickDocument } from "../../controller/quick/quick_document.ts";
import { type QuickOptions, runQuick } from "../../controller/quick/run_quick.ts";
import { daemonAccess } from "../daemons.ts";
import { addHistoryOptions, Recorder, type RecorderOptions } from "../history/recorder.ts";
import { EXIT, ExitError } from "../exit.ts";
import { expandHosts } from "../input/host_words.ts";
import { Output } from "../result_files.ts";
import { keyOptions } from "../run_options.ts";
import { catchInterruption } from "../signals.ts";
import { colourVerdict } from "../terminal/colours.ts";
import { note, out, print } from "../terminal/io.ts";
import { plainText } from "../terminal/text.ts";
import { labelled } from "../terminal/live_screen.ts";
import { QuickProgress } from "../terminal/quick_progress.ts";
import { quickScreen } from "../terminal/quick_screen.ts";
import { completeKeys, type KeyOptions } from "../secret.ts";
import { LastSteps } from "../unwritten.ts";

const HELP = `
Needs no file and no options, takes at most 30 s and prints one screen: round
trip when the network is idle; TCP to HOST, from it, and both at once, with the
round trip under each, what a full queue adds, and round trips a minute
(responsiveness); loss of UDP at the rate that was found; the use of HOST's
processors; a verdict, and a sentence for each finding. HOST needs "ipbenchd
--target"; with an echo alone (port 7) only round trip and loss are measured.
This machine is the tester, through daemons on loopback that are started and
ended with it, unless --from names other machines: the first of them then
measures round trips, the others send and receive. Without HOST, this machine
measures itself over loopback, and so it does with 127.0.0.1 where nothing is.

Examples:
  ipbench quick 10.0.0.9
  ipbench quick 10.0.0.9 --report quick.html --json quick.json
  ipbench quick 10.0.0.9 --from 10.0.0.2 10.0.0.3
  ipbench quick

Exit status: 0 measured, 1 failed or INVALID, 2 wrong use, 3 SUSPECT with
--strict, 130 interrupted.
`;

interface Options extends KeyOptions, RecorderOptions {
  from?: string[];
  json?: string;
  report?: string;
  strict?: boolean;
}

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const { secretFile, tls } = keyOptions();
  const command = program.command("quick").description(
    "measure a host in half a minute, without a configuration",
  )
    .argument("[host]", "HOST, or HOST:PORT of its target daemon (default: this machine, over loopback)")
    .option(
      "--from <tester...>",
      "daemons that measure instead of this machine: HOST, HOST:PORT, lab[1-4], @FILE",
    )
    .option("--json <file>", "write figures, findings and the result documents; - for the standard output")
    .option("--report <file>", "write a page with charts (HTML)")
    .option("--strict", "exit 3 when the result is SUSPECT")
    .addOption(secretFile)
    .addOption(tls[0])
    .addOption(tls[1])
    .addOption(tls[2]);
  addHistoryOptions(command)
    .addHelpText("after", HELP)
    .action(async (host: string | undefined, options: Options) => await quick(host, options));
}

async function quick(host: string | undefined, options: Options): Promise<void> {
  const what = await describe(host, options);
  await using json = await Output.open(options.json);
  await using report = await Output.open(options.report);
  const recorder = await Recorder.open(options);
  const document = await look(what);
  const screen = quickScreen(document);
  const steps = new LastSteps();
  await steps.take(() => {
    if (json?.isStdout === true) screen.forEach(note);
    else screen.forEach((line) => out(colourVerdict(Deno.stdout, line) + "\n"));
  });
  await steps.take(() => json?.write(JSON.stringify(document) + "\n"));
  if (!document.interrupted) await recorder.addQuick(document);
  if (report !== null) await steps.take(() => writeReport(document, report));
  steps.end(statusOf(document, options.strict ?? false));
}

async function look(what: QuickOptions): Promise<QuickDocument> {
  const progress = new QuickProgress();
  using interruption = catchInterruption((name) =>
    print(`ipbench: ${name}: ending the tests (once more: at once)\n`)
  );
  try {
    return await runQuick({ ...what, signal: interruption.signal, onEvent: (event) => progress.take(event) });
  } catch (error) {
    if (!(error instanceof QuickError)) throw error;
    if (interruption.signal.aborted) throw new ExitError(EXIT.INTERRUPTED);
    throw new ExitError(EXIT.FAILED, error.message, { cause: error });
  } finally {
    progress.close();
  }
}

async function writeReport(document: QuickDocument, report: Output): Promise<void> {
  if (Object.keys(document.documents).length === 0) {
    return note(labelled("warning", `${report.name}: nothing was measured that could be drawn`));
  }
  const { quickPage } = await import("../../results/quick/page.ts");
  await report.write(quickPage(document, `ipbench quick ${document.host ?? "over loopback"}`));
}

function statusOf({ verdict, interrupted }: QuickDocument, strict: boolean): number {
  if (interrupted) return EXIT.INTERRUPTED;
  if (verdict === "INVALID") return EXIT.FAILED;
  return verdict === "SUSPECT" && strict ? EXIT.SUSPECT : EXIT.OK;
}

async function describe(host: string | undefined, options: Options): Promise<QuickOptions> {
  const problems: string[] = [];
  const read = (text: string, port: number) => {
    const address = parseAddress(text, port);
    if (typeof address !== "string") return address;
    problems.push(address);
    return { host: text, port };
  };
  const hosts = host === undefined ? [] : await expandHosts([host], null);
  if (hosts.length > 1) problems.push(`${plainText(host!)} names ${hosts.length} hosts, and one is measured`);
  const at = hosts[0] === undefined ? null : read(hosts[0], 0);
  const testers = (await expandHosts(options.from ?? [], "--from")).map((text) =>
    read(text, DEFAULT_CLIENT_PORT)
  );
  const twice = testers.find((one, n) =>
    testers.slice(0, n).some((other) => other.host === one.host && other.port === one.port)
  );
  if (twice !== undefined) {
    problems.push(`--from: ${formatAddress(twice)} a second time; a daemon runs one test at a time`);
  }
  if (at === null && testers.length > 0) problems.push("--from: which HOST is to be measured from there?");
  const keys = completeKeys(options);
  const files = { secretFile: parseHostFiles(keys.secretFile), tlsCa: parseHostFiles(keys.tlsCa) };
  const { tls, problem } = tlsOf({ ...keys, tlsCa: files.tlsCa.all });
  if (problem !== null) problems.push(`${problem.where}: ${problem.message}`);
  if (problems.length > 0) throw new ExitError(EXIT.USAGE, problems.join("\n"));
  const shared = { secretFile: files.secretFile.all ?? null, tls };
  const from = testers.map((tester) => ({ ...tester, ...typedKeys(files, tester) }));
  return {
    host: at?.host ?? null,
    port: at === null || at.port === 0 ? null : at.port,
    from,
    ...at !== null && { hostKeys: typedKeys(files, at) },
    access: await daemonAccess({
      ...shared,
      clients: at === null ? from : [...from, { ...at, ...typedKeys(files, at) }],
    }),
    keys: shared,
  };
}
