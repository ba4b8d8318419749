/**
 * `ipbench history`: what was measured before, as runs and as series.
 *
 * @module
 */

import { type Command, Option } from "commander";

const HELP = `
run, sweep, search, rfc2544, quick and mesh keep each result in one file, unless
they are told not to (--history off). A series is one test with its arguments at
one load between the same machines; a changed machine begins a new one. check
finds steps and drifts in series of 8 runs or more: E-divisive with a
permutation test, confirmed by Mann and Whitney's; runs labelled canary=… tell a
change of the machine itself.

Examples:
  ipbench run lab.xml --label board=tx2
  ipbench history list --label board=tx2
  ipbench history show 6f1c --json > result.json
  ipbench history import results/
  ipbench history check --since v1.2 --fail

Exit status: 0 done, 1 nothing of that kind, or check --fail found a change for
the worse that nobody has accepted, 2 wrong use.
`;

/** Adds the subcommand. */
export function register(program: Command): void {
  const history = program.command("history")
    .summary("what was measured before, and what changed")
    .description("Shows what was measured before as runs and as series, and finds what changed.")
    .addHelpText("after", HELP);
  const add = (name: string, text: string) =>
    history.command(name).description(text).option(
      "--history <file>",
      "the history (default: $IPBENCH_HISTORY, ~/.local/share/ipbench/history.sqlite)",
    );
  addList(add);
  addSeries(add);
  addShow(add);
  addCheck(add);
  addAck(add);
  addAnnotate(add);
  addImport(add);
  addExport(add);
  addPrune(add);
  addVerify(add);
}

type Add = (name: string, text: string) => Command;

function addList(add: Add): void {
  add("list", "list runs, the newest first")
    .option("-n, --limit <n>", "so many (default: 20)")
    .option("--test <name>", "of this test")
    .option("--series <id>", "of this series")
    .option("--label <name=value...>", "with these labels")
    .option("--find <text>", "with this text in number, test, commit, tag, note or a label")
    .action(async (options) => await (await import("./show.ts")).listRuns(options));
}

function addSeries(add: Add): void {
  add("series", "list series, or the runs of one with a figure")
    .argument("[id]", "number of a series, or the beginning of it")
    .option("--test <name>", "of this test")
    .option("--metric <name>", "figure of each run (default: p99, else the first that there is)")
    .action(async (id: string | undefined, options) =>
      await (await import("./show.ts")).listSeries(id, options)
    );
}

function addShow(add: Add): void {
  add("show", "show a run, or print its document")
    .argument("<run>", "number of a run, or the beginning of it")
    .option("--json", "print the document")
    .action(async (id: string, options) => await (await import("./show.ts")).showRun(id, options));
}

function addImport(add: Add): void {
  add("import", "take in result documents, or folders of them; what is there already stays as it is")
    .argument("<paths...>", "result documents, or folders of them")
    .option("--label <name=value...>", "give them these labels")
    .action(async (paths: string[], options) =>
      await (await import("./change.ts")).importDocuments(paths, options)
    );
}

function addCheck(add: Add): void {
  add("check", "find what changed, in all series or one test's")
    .option("--since <ref>", "only changes after this commit, tag or date")
    .option("--metric <names...>", "figures (default: p50 p99 p99.9 throughput loss, else the test's own)")
    .option("--test <name>", "of this test")
    .option("--min <share>", "smallest change that counts (default: 1.5%)")
    .option("--all", "list every series with its scatter, too")
    .option("--json", "print findings and series as JSON")
    .option("--fail", "exit 1 when something got worse that nobody has accepted")
    .action(async (options) => await (await import("./check.ts")).checkChanges(options));
}

function addAck(add: Add): void {
  add("ack", "accept a change, so that check --fail passes over it")
    .argument("<series>", "number of its series")
    .argument("<metric>", "the figure")
    .argument("<run>", "the first run after it")
    .option("--reason <text>", "for whoever asks later", "")
    .action(async (series: string, metric: string, run: string, options) =>
      await (await import("./change.ts")).acceptChange(series, metric, run, options)
    );
}

function addAnnotate(add: Add): void {
  add("annotate", "put a note or labels on a run")
    .argument("<run>", "number of a run, or the beginning of it")
    .argument("[note]", 'the note; "" takes it away')
    .option("--label <name=value...>", "labels; NAME= takes one away")
    .action(async (run: string, text: string | undefined, options) =>
      await (await import("./change.ts")).annotateRun(run, text, options)
    );
}

function addExport(add: Add): void {
  add("export", "write series in other programs' formats")
    .addOption(
      new Option(
        "-f, --format <format>",
        "otava: CSV for Apache Otava, every run; bencher: Bencher Metric Format, the newest run; benchstat: Go's " +
          "benchmark text, every run; prometheus: textfile, the newest run",
      ).choices(["otava", "bencher", "benchstat", "prometheus"]),
    )
    .option("--series <id...>", "these series (default: all)")
    .option("--test <name>", "of this test")
    .option(
      "-o, --output <path>",
      "a file; of otava a folder, unless it ends in .csv (default: the standard output)",
    )
    .action(async (options) => await (await import("./export.ts")).exportSeries(options));
}

function addPrune(add: Add): void {
  add("prune", "take old runs out, and make the file smaller")
    .option("--before <date>", "runs that began before it, such as 2026-01-31")
    .option("--documents", "only their documents; the figures stay in the series")
    .action(async (options) => await (await import("./change.ts")).pruneRuns(options));
}

function addVerify(add: Add): void {
  add("verify", "check that the file is whole").action(async (options) =>
    await (await import("./change.ts")).verifyHistory(options)
  );
}
