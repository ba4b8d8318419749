/**
 * `ipbench compare`: do two sets of results differ, by how much, and could it be chance?
 *
 * @module
 */
import type { Command } from "@commander-js/extra-typings";
import type { Comparison } from "../results/compare/compare.ts";
import type { ReportPoint } from "../results/report/point.ts";
import { METRICS } from "../results/compare/metrics.ts";
import { EXIT, ExitError } from "./exit.ts";
import { note, out } from "./io.ts";
import { readDocuments } from "./read_documents.ts";
import { writeWhole } from "./result_files.ts";

interface Options {
  with: string[];
  metric?: string[] | undefined;
  alpha: string;
  anyway?: boolean | undefined;
  failIf?: string[] | undefined;
  output?: string | undefined;
  markdown?: string | undefined;
}

/** Adds the subcommand. */
export function register(program: Command): void {
  program
    .command("compare")
    .summary("compare two sets of results")
    .description(
      "Compares results point by point, where test, arguments and load match: effect sizes with intervals, a rank test " +
        "over the repetitions, and what could have been seen where nothing was.",
    )
    .argument("<a...>", "the base: result documents, or folders of them")
    .requiredOption("--with <b...>", "the other side")
    .option(
      "--metric <names...>",
      "what to compare (default: p50 p99 p99.9 throughput loss)",
    )
    .option("--alpha <share>", "chance of even one false alarm in the whole comparison", "0.05")
    .option("--anyway", "compare what should not be compared: other kernel, size, verdict, number of testers")
    .option(
      "--fail-if <conditions...>",
      'exit 1 when a change is beyond a limit: "p99 +5%", "throughput -2%"',
    )
    .option("-o, --output <file>", "write an HTML page, too")
    .option("--markdown <file>", "write the Markdown to a file instead of the standard output")
    .addHelpText(
      "after",
      `\nMetrics: ${METRICS.map((metric) => metric.name).join(", ")}.\n\n` +
        "Exit status: 0 compared, 1 a --fail-if condition was met, 2 not comparable or wrong use.",
    )
    .action(async (a, options) => await compare(a, options as unknown as Options));
}

async function compare(left: string[], options: Options): Promise<void> {
  const [{ compareSides }, { parseFailIf, failures }, { metricOf }, { compareMarkdown }] = await Promise.all([
    import("../results/compare/compare.ts"),
    import("../results/compare/fail_if.ts"),
    import("../results/compare/metrics.ts"),
    import("../results/compare/markdown.ts"),
  ]);
  const alpha = Number(options.alpha);
  if (!(alpha > 0 && alpha < 0.5)) {
    throw new ExitError(
      EXIT.USAGE,
      `--alpha ${options.alpha}: expected a share above 0 and below 0.5, such as 0.05`,
    );
  }
  const conditions = useOrExit(() => (options.failIf ?? []).map(parseFailIf));
  const asked = options.metric?.flatMap((names) => names.split(","));
  const metrics = withConditions(asked, conditions.map((condition) => condition.metric.name));
  useOrExit(() => metrics?.map(metricOf));
  const a = await points(left, "A");
  const b = await points(options.with, "B");
  const comparison = compareSides(a, b, {
    alpha,
    anyway: options.anyway === true,
    ...(metrics === undefined ? {} : { metrics }),
  });
  refuse(comparison, options.anyway === true);
  const failed = failures(comparison, conditions);
  const names = sideNames(left, options.with);
  const text = compareMarkdown(comparison, names, failed);
  if (options.markdown !== undefined) await write(options.markdown, text);
  else out(text);
  if (options.output !== undefined) {
    const { compareHtml } = await import("../results/compare/html.ts");
    await write(options.output, compareHtml(comparison, names, failed));
  }
  for (const condition of conditions) {
    if (!comparison.rows.some((row) => row.metric === condition.metric)) {
      throw new ExitError(
        EXIT.USAGE,
        `--fail-if "${condition.text}": no point tells ${condition.metric.label} on both sides`,
      );
    }
  }
  if (failed.length > 0) {
    const lines = failed.map(({ condition, row }) =>
      `--fail-if "${condition.text}" is met at ${row.pair.label}`
    );
    throw new ExitError(EXIT.FAILED, lines.join("; "));
  }
}

/** The metrics asked for and those that conditions need; the defaults when nobody asked. */
function withConditions(asked: string[] | undefined, needed: string[]): string[] | undefined {
  if (asked === undefined && needed.length === 0) return undefined;
  return [...new Set([...(asked ?? needed), ...needed])];
}

function useOrExit<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new ExitError(EXIT.USAGE, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function refuse(comparison: Comparison, anyway: boolean): void {
  const { refusals, pairs, unmatched } = comparison.pairing;
  if (refusals.length > 0 && !anyway) {
    const shown = refusals.slice(0, 8).map((refusal) => `  - ${refusal}`);
    const more = refusals.length > 8 ? [`  - and ${refusals.length - 8} more`] : [];
    throw new ExitError(
      EXIT.USAGE,
      ["these results are not comparable:", ...shown, ...more, "Say --anyway to compare them all the same."]
        .join("\n"),
    );
  }
  if (pairs.length > 0) return;
  const list = (side: "A" | "B") =>
    unmatched.filter((cell) => cell.side === side).slice(0, 5).map((cell) => cell.label).join("; ");
  throw new ExitError(EXIT.USAGE, `no point is in both sets: A has ${list("A")}, B has ${list("B")}`);
}

async function points(paths: string[], side: string): Promise<ReportPoint[]> {
  const { reportPoint } = await import("../results/report/point.ts");
  const found: ReportPoint[] = [];
  for await (const result of readDocuments(paths)) {
    if ("document" in result) found.push(reportPoint(result.document, result.file));
    else note(`ipbench: ${result.file}: ${result.error}`);
  }
  if (found.length === 0) {
    throw new ExitError(EXIT.USAGE, `no result document for ${side} in ${paths.join(", ")}`);
  }
  return found;
}

/** Names of the sides; where they are alike, as much of the paths as tells them apart. */
function sideNames(left: string[], right: string[]): { a: string; b: string } {
  const name = (paths: string[]) => {
    const first = paths[0]!.replace(/\/+$/, "").split("/").at(-1)!.replace(/\.json$/, "");
    return paths.length > 1 ? `${first} and ${paths.length - 1} more` : first;
  };
  const a = name(left);
  const b = name(right);
  return a === b ? { a: left[0]!, b: right[0]! } : { a, b };
}

async function write(path: string, text: string): Promise<void> {
  await writeWhole(path, text);
  note(`ipbench: ${path} written`);
}
