/**
 * `ipbench compare`: do two sets of results differ, by how much, and could it be chance?
 *
 * @module
 */
import { type Command, Help } from "commander";
import { messageOf } from "../../base/errors.ts";
import type { Comparison, Row } from "../../results/compare/compare.ts";
import type { ReportPoint } from "../../results/report/point.ts";
import { MetricError, METRICS } from "../../results/compare/metrics.ts";
import { ALLOWABLE } from "../../results/compare/pair.ts";
import { isBlind } from "../../results/compare/words.ts";
import { nearest, suggestion } from "../../base/nearest.ts";
import { coloured, type Mood } from "../terminal/colours.ts";
import { EXIT, ExitError } from "../exit.ts";
import { wrapWords } from "../terminal/text.ts";
import { note, out, widthOf } from "../terminal/io.ts";
import { readDocuments } from "../read_documents.ts";
import { writeWhole } from "../result_files.ts";

/** Width of the text below the options. */
const HELP_COLUMNS = 80;
/** Entries that a message lists of what may be many. */
const SHOWN = 8;

interface Options {
  with?: string[] | undefined;
  metric?: string[] | undefined;
  alpha: string;
  allow?: string[] | undefined;
  failIf?: string[] | undefined;
  output?: string | undefined;
  markdown?: string | undefined;
  json?: string | undefined;
  junit?: string | undefined;
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
    .usage("[options] A B\n       ipbench compare [options] A... --with B...")
    .argument("<a...>", "the base: result documents, or folders of them")
    .option("--with <b...>", "the other side; without it the second of two names is")
    .option(
      "--metric <names...>",
      "what to compare (default: p50 p99 p99.9 throughput loss)",
    )
    .option("--alpha <share>", "chance of even one false alarm in the whole comparison", "0.05")
    .option(
      "--allow <what...>",
      `a difference between the sides that does not matter: ${
        Object.keys(ALLOWABLE).join(", ")
      }, or the name of an argument, such as size`,
    )
    .option(
      "--fail-if <conditions...>",
      'exit 1 when a change is beyond a limit ("p99 +5%", "throughput -2%"), or B lacks points that A has',
    )
    .option("-o, --output <file>", "write an HTML page, too")
    .option("--markdown <file>", "write the Markdown to a file instead of the standard output")
    .option("--json <file>", "write every figure as JSON; - for the standard output, in place of the table")
    .option("--junit <file>", "write a test case for each figure of each point (JUnit XML); - as above")
    .addHelpText(
      "after",
      `
${
        new Help().boxWrap(
          `Metrics: ${METRICS.map((metric) => metric.name).join(", ")}, and the tests' own ` +
            '("ipbench plugins NAME" lists them; "sink.loss" where the plain name is already taken).',
          HELP_COLUMNS,
        )
      }

--allow takes:
${Object.entries(ALLOWABLE).map(([what, text]) => `  ${what.padEnd(10)}${text}\n`).join("")}
Exit status: 0 compared, 1 a --fail-if condition was met or B lacks a point,
2 not comparable, nothing to compare, or wrong use.`,
    )
    .action(async (names: string[], options: Options) => {
      const other = options.with;
      if (other !== undefined) return await compare(names, other, options);
      if (names.length !== 2) {
        throw new ExitError(
          EXIT.USAGE,
          "compare needs two sides: ipbench compare A B, or ipbench compare A... --with B...",
        );
      }
      await compare([names[0]!], [names[1]!], options);
    });
}

async function compare(left: string[], right: string[], options: Options): Promise<void> {
  const [{ compareSides }, gates, { metricOf, metricsOf }, { compareMarkdown }] = await Promise.all([
    import("../../results/compare/compare.ts"),
    import("../../results/compare/fail_if.ts"),
    import("../../results/compare/metrics.ts"),
    import("../../results/compare/markdown.ts"),
  ]);
  if (options.json === "-" && options.junit === "-") {
    throw new ExitError(EXIT.USAGE, "the standard output takes either --json or --junit");
  }
  const alpha = Number(options.alpha);
  if (!(alpha > 0 && alpha < 0.5)) {
    throw new ExitError(
      EXIT.USAGE,
      `--alpha ${options.alpha}: expected a share above 0 and below 0.5, such as 0.05`,
    );
  }
  const a = await points(left, "A");
  const b = await points(right, "B");
  const known = metricsOf([...a, ...b]);
  const conditions = useOrExit(() => (options.failIf ?? []).map((text) => gates.parseFailIf(text, known)));
  const asked = options.metric?.flatMap((names) => names.split(","));
  const metrics = withConditions(asked, conditions.map((condition) => condition.metric.name));
  useOrExit(() => metrics?.map((name) => metricOf(name, known)));
  const allow = new Set((options.allow ?? []).flatMap((words) => words.split(",")));
  checkAllowed(allow, [...a, ...b]);
  const comparison = compareSides(a, b, { alpha, allow, ...(metrics === undefined ? {} : { metrics }) });
  refuse(comparison);
  const failed = gates.failures(comparison, conditions);
  const names = sideNames(left, right);
  const lacking = conditions.length > 0 && !allow.has("missing") ? gates.missing(comparison, conditions) : [];
  if (options.json !== undefined || options.junit !== undefined) {
    const { compareJson, compareJunit } = await import("../../results/compare/exports.ts");
    if (options.json !== undefined) {
      await write(options.json, compareJson(comparison, names, failed, lacking));
    }
    if (options.junit !== undefined) {
      await write(options.junit, compareJunit(comparison, names, failed, lacking, conditions.length > 0));
    }
  }
  if (options.markdown !== undefined) {
    await write(options.markdown, compareMarkdown(comparison, names, failed));
  } else if (options.json !== "-" && options.junit !== "-") {
    const width = widthOf(Deno.stdout);
    const paint = (row: Row, finding: string) => {
      const mood = moodOf(row);
      return mood === null ? finding : coloured(Deno.stdout, mood, finding);
    };
    out(wrapWords(compareMarkdown(comparison, names, failed, { width, paint }), width));
  }
  if (options.output !== undefined) {
    const { compareHtml } = await import("../../results/compare/html.ts");
    await write(options.output, compareHtml(comparison, names, failed));
  }
  for (const condition of conditions) {
    if (!comparison.rows.some((row) => row.metric.name === condition.metric.name)) {
      throw new ExitError(
        EXIT.USAGE,
        `--fail-if "${condition.text}": no point has ${condition.metric.label} on both sides`,
      );
    }
  }
  for (const sentence of gates.blind(comparison, conditions)) note(`ipbench: warning: ${sentence}`);
  const lines = [
    ...failed.map(({ condition, row }) => `--fail-if "${condition.text}" is met at ${row.pair.label}`),
    ...shortList(lacking),
    ...lacking.length > 0 ? ["what is not there may be what got worse; --allow missing lets it pass"] : [],
  ];
  if (lines.length > 0) throw new ExitError(EXIT.FAILED, lines.join("; "));
}

/** How a finding is to be taken; what could not have been seen is grey. */
function moodOf(row: Row): Mood | null {
  if (row.finding === "worse") return "bad";
  if (row.finding === "better") return "good";
  if (row.finding === "changed") return "doubtful";
  return isBlind(row) ? "silent" : null;
}

/** The first few of a list, and how many more there are. */
function shortList(texts: readonly string[]): string[] {
  return texts.length <= SHOWN ? [...texts] : [...texts.slice(0, SHOWN), `and ${texts.length - SHOWN} more`];
}

/** Refuses words of --allow that mean nothing here. */
function checkAllowed(allow: ReadonlySet<string>, points: readonly ReportPoint[]): void {
  const known = [
    ...Object.keys(ALLOWABLE),
    ...new Set(points.flatMap((point) => [...point.params.keys()])),
  ];
  for (const word of allow) {
    if (known.includes(word)) continue;
    throw new ExitError(
      EXIT.USAGE,
      `--allow ${word.slice(0, 60)}: nothing of that name${suggestion(word, known)}`,
    );
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
    const meant = cause instanceof MetricError && cause.typed !== undefined
      ? nearest(cause.typed.name, cause.typed.known)
      : null;
    const text = messageOf(cause);
    throw new ExitError(EXIT.USAGE, meant === null ? text : `${text}; did you mean "${meant}"?`, { cause });
  }
}

function refuse(comparison: Comparison): void {
  const { refusals, pairs, unmatched } = comparison.pairing;
  if (refusals.length > 0) {
    const lines = shortList(refusals.map(({ text }) => text)).map((text) => `  - ${text}`);
    const words = [...new Set(refusals.map(({ what }) => what))].join(" ");
    throw new ExitError(
      EXIT.USAGE,
      ["these results are not comparable:", ...lines, `Where that does not matter: --allow ${words}`].join(
        "\n",
      ),
    );
  }
  if (comparison.rows.length > 0) return;
  if (pairs.length > 0) {
    throw new ExitError(EXIT.USAGE, "nothing was compared: no figure asked for is in both sets");
  }
  const list = (side: "A" | "B") =>
    unmatched.filter((cell) => cell.side === side).slice(0, 5).map((cell) => cell.label).join("; ");
  throw new ExitError(EXIT.USAGE, `no point is in both sets: A has ${list("A")}, B has ${list("B")}`);
}

async function points(paths: string[], side: string): Promise<ReportPoint[]> {
  const { reportPoints } = await import("../../results/report/point.ts");
  const found: ReportPoint[] = [];
  for await (const result of readDocuments(paths)) {
    if ("document" in result) found.push(...reportPoints(result.document, result.file));
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
  if (path !== "-") note(`ipbench: ${path} written`);
}
