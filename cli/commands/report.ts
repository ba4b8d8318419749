/**
 * `ipbench report`: result documents as a page, charts, or tables.
 *
 * @module
 */
import type { Command } from "commander";
import { messageOf } from "../../base/errors.ts";
import type { ReportModel } from "../../results/report/model.ts";
import type { ReportFile } from "../../results/report/formats.ts";
import { colourVerdict } from "../terminal/colours.ts";
import { EXIT, ExitError } from "../exit.ts";
import { note, out } from "../terminal/io.ts";
import { readBounded, readDocuments } from "../read_documents.ts";
import { writeWhole } from "../result_files.ts";

/** Where the page goes when nothing else is asked for. */
const DEFAULT_OUTPUT = "report.html";

interface Options {
  output?: string | undefined;
  svg?: string | undefined;
  gnuplot?: string | undefined;
  csv?: string | true | undefined;
  markdown?: string | true | undefined;
  title?: string | undefined;
}

/** Adds the subcommand. */
export function register(program: Command): void {
  program
    .command("report")
    .summary("draw a report from result documents")
    .description(
      "Draws a report from result documents: one HTML page that needs no network, with the verdict first. " +
        "A folder, as a sweep leaves it, gives curves over the load. The document of a search is shown as its table.",
    )
    .argument("<paths...>", "result documents (JSON), or folders of them")
    .option("-o, --output <file>", `the page (default: ${DEFAULT_OUTPUT}, unless another form is asked for)`)
    .option("--svg <dir>", "each chart as an SVG file, for papers")
    .option("--csv [file]", "one row a document; to the standard output without a file")
    .option("--markdown [file]", "verdict, figures and points; to the standard output without a file")
    .option("--gnuplot <dir>", "data files and a script for gnuplot")
    .option("--title <text>", "heading of the page")
    .action(async (paths: string[], options: Options) => await report(paths, options));
}

async function report(paths: string[], options: Options): Promise<void> {
  if (await showSearch(paths, options)) return;
  const model = await gather(paths, options.title);
  for (const { file, message } of model.errors) note(`ipbench: ${file}: ${message}`);
  if (model.points.length === 0) {
    throw new ExitError(
      EXIT.FAILED,
      `no result document in ${paths.join(", ")}; see the ${model.errorCount} error(s) above`,
    );
  }
  const formats = await import("../../results/report/formats.ts");
  const elsewhere = [options.svg, options.gnuplot, options.csv, options.markdown].some((form) =>
    form !== undefined
  );
  const page = options.output ?? (elsewhere ? undefined : DEFAULT_OUTPUT);
  if (page !== undefined) {
    const { reportHtml } = await import("../../results/report/html.ts");
    await writeWhole(page, reportHtml(model));
    note(
      `ipbench: ${page}: ${model.runs.length} document(s), ${colourVerdict(Deno.stderr, model.verdict)}`,
    );
  }
  if (options.svg !== undefined) await writeFiles(options.svg, formats.reportSvgs(model));
  if (options.gnuplot !== undefined) await writeFiles(options.gnuplot, formats.reportGnuplot(model));
  if (options.csv !== undefined) await deliver(options.csv, formats.reportCsv(model));
  if (options.markdown !== undefined) await deliver(options.markdown, formats.reportMarkdown(model));
}

/**
 * A search's own document has no packets to draw, only its outcome: that is its table.
 *
 * @returns Whether it was one.
 */
async function showSearch([path, ...more]: string[], options: Options): Promise<boolean> {
  if (path === undefined || more.length > 0 || !path.endsWith(".json")) return false;
  const text = await readBounded(path).catch(() => null); // what it is and why is for those who read it next
  if (text === null || !/^\s*\{\s*"format"\s*:\s*"ipbench-(search|rfc2544)\//.test(text)) return false;
  const { tableOfSearch } = await import("../../controller/search/parse.ts");
  const remedy =
    "a page is made of its trials: let the search keep them (--out DIR), then: ipbench report DIR";
  const other = (["output", "svg", "csv", "markdown", "gnuplot"] as const).find((name) =>
    options[name] !== undefined
  );
  if (other !== undefined) {
    throw new ExitError(
      EXIT.USAGE,
      `--${other}: ${path} is a search's outcome, shown as a table alone; ${remedy}`,
    );
  }
  let table: string | null;
  try {
    table = tableOfSearch(text);
  } catch (cause) {
    throw new ExitError(EXIT.FAILED, `${path}: ${message(cause)}`, { cause });
  }
  if (table === null) return false;
  out(table);
  note(`ipbench: ${remedy}`);
  return true;
}

async function gather(paths: string[], title: string | undefined): Promise<ReportModel> {
  const { ReportBuilder } = await import("../../results/report/model.ts");
  const builder = new ReportBuilder();
  for await (const result of readDocuments(paths)) {
    if ("document" in result) builder.add(result.document, result.file);
    else builder.addError(result.file, result.error);
  }
  return builder.build(title ?? defaultTitle(paths));
}

/** The name of what is reported on: a file without its ending, or a folder. */
function defaultTitle(paths: readonly string[]): string {
  const names = paths.slice(0, 3).map((path) =>
    path.replace(/\/+$/, "").split("/").at(-1)!.replace(/\.json$/, "")
  );
  const title = names.map((name) => name === "." || name === "" ? "Results" : name).join(", ");
  return paths.length > 3 ? `${title} and ${paths.length - 3} more` : title;
}

async function deliver(where: string | true, text: string): Promise<void> {
  if (where === true || where === "-") out(text);
  else {
    await writeWhole(where, text);
    note(`ipbench: ${where} written`);
  }
}

async function writeFiles(folder: string, files: ReportFile[]): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new ExitError(EXIT.FAILED, `cannot make the folder ${folder}: ${message(cause)}`, { cause });
  }
  for (const file of files) await writeWhole(`${folder}/${file.name}`, file.text);
  note(`ipbench: ${folder}: ${files.length} file(s)`);
}

function message(error: unknown): string {
  return messageOf(error);
}
