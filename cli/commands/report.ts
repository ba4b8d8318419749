/**
 * `ipbench report`: result documents as a page, charts, or tables.
 *
 * @module
 */
import type { Command } from "commander";
import { messageOf } from "../../base/errors.ts";
import { csvRow } from "../../results/export/csv_file.ts";
import type { Section } from "../../results/report/html.ts";
import type { SearchViews } from "../../results/search/parse.ts";
import { colourRegular, colourVerdict } from "../terminal/colours.ts";
import { EXIT, ExitError } from "../exit.ts";
import { note, out, widthOf } from "../terminal/io.ts";
import { wrapWords } from "../terminal/text.ts";
import { drawFigures, writeFiles } from "../paper/figures.ts";
import { defaultTitle, gather } from "../input/gather.ts";
import { readBounded } from "../read_documents.ts";
import { writeWhole } from "../result_files.ts";
import { SEARCH_FILE } from "../trial_files.ts";

/** Where the page goes when nothing else is asked for. */
const DEFAULT_OUTPUT = "report.html";

interface Options {
  output?: string | undefined;
  svg?: string | undefined;
  gnuplot?: string | undefined;
  csv?: string | true | undefined;
  markdown?: string | true | undefined;
  title?: string | undefined;
  figures?: string | undefined;
}

const FIGURES_HELP = `
--figures draws received over requested load, CPU summed over cores, thousand
cycles a packet, and mean and p99 round trip, with a caption and where the
numbers come from in each file. Paths may be LABEL=PATH, for the legend:
  ipbench report "seL4=sel4/" "Linux=linux/" --figures figures/

Exit status: 0 drawn, 1 nothing could be drawn, or a file that was named could
not be read (the rest is drawn), 2 wrong use.
`;

/** Adds the subcommand. */
export function register(program: Command): void {
  program
    .command("report")
    .summary("draw a report from result documents")
    .description(
      "Draws a report from result documents: one HTML page that needs no network, with the verdict first. " +
        "A folder, as a sweep leaves it, gives curves over the load; of a search, its answer and every trial.",
    )
    .argument("<paths...>", "result documents (JSON), or folders of them")
    .option("-o, --output <file>", `the page (default: ${DEFAULT_OUTPUT}, unless another form is asked for)`)
    .option("--svg <dir>", "each chart as an SVG file, for papers")
    .option("--csv [file]", "one row a document; to the standard output without a file")
    .option("--markdown [file]", "verdict, figures and points; to the standard output without a file")
    .option("--gnuplot <dir>", "data files and a script for gnuplot")
    .option(
      "--figures <dir>",
      "figures of a paper over the load, of each path a curve: SVG, PDF, LaTeX (pgfplots) and CSV",
    )
    .option("--title <text>", "heading of the page")
    .addHelpText("after", FIGURES_HELP)
    .action(async (paths: string[], options: Options) => await report(paths, options));
}

async function report(paths: string[], options: Options): Promise<void> {
  const printed = (["output", "csv", "markdown"] as const).filter((name) =>
    options[name] === true || options[name] === "-"
  );
  if (printed.length > 1) {
    const names = printed.map((name) => `--${name}`).join(" or ");
    throw new ExitError(EXIT.USAGE, `the standard output takes one form: ${names}; give the others a file`);
  }
  if (options.figures !== undefined) {
    const other = (["output", "svg", "csv", "markdown", "gnuplot"] as const).find((name) =>
      options[name] !== undefined
    );
    if (other !== undefined) {
      throw new ExitError(EXIT.USAGE, `--figures stands alone: draw --${other} with a command of its own`);
    }
    return await drawFigures(paths, options.figures);
  }
  if (await drawSearch(paths, options) || await drawMesh(paths, options)) return;
  const model = await gather(paths, options.title);
  for (const { file, message } of model.errors) note(`ipbench: ${file}: ${message}`);
  if (model.points.length === 0) {
    const seen = model.errorCount === 0 ? "" : `; see the ${model.errorCount} error(s) above`;
    throw new ExitError(EXIT.FAILED, `no result document in ${paths.join(", ")}${seen}`);
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
  if (model.errors.some(({ file }) => paths.includes(file))) throw new ExitError(EXIT.FAILED);
}

/**
 * A search's document, alone or in the folder of its trials, has a page of its own.
 *
 * @returns Whether it was one.
 */
async function drawSearch([path, ...more]: string[], options: Options): Promise<boolean> {
  if (path === undefined || more.length > 0) return false;
  const found = await searchText(path);
  if (found === null) return false;
  const { viewsOfSearch } = await import("../../results/search/parse.ts");
  let views: SearchViews | null;
  try {
    views = viewsOfSearch(found.text);
  } catch (cause) {
    throw new ExitError(EXIT.FAILED, `${found.file}: ${message(cause)}`, { cause });
  }
  if (views === null) return false;
  for (const name of ["markdown", "gnuplot"] as const) {
    if (options[name] === undefined) continue;
    throw new ExitError(
      EXIT.USAGE,
      `--${name}: ${found.file} is a search, which is a page (-o), charts (--svg) or rows (--csv)`,
    );
  }
  if (options.csv !== undefined) await deliver(options.csv, views.rows().map(csvRow).join(""));
  else {
    const width = widthOf(Deno.stdout);
    out(colourRegular(Deno.stdout, wrapWords(views.table(width), width)));
  }
  if (options.svg !== undefined) {
    const { svgFiles } = await import("../../results/report/formats.ts");
    await writeFiles(options.svg, svgFiles(views.charts()));
  }
  const elsewhere = options.svg !== undefined || options.csv !== undefined;
  const page = options.output ?? (elsewhere ? undefined : DEFAULT_OUTPUT);
  if (page === undefined) return true;
  const sections = found.folder === null ? [] : await trialSections(found.folder);
  await writeWhole(page, views.page(options.title ?? defaultTitle([path]), sections));
  note(`ipbench: ${page} written`);
  return true;
}

/** The text of a search's document; `null` where there is none. */
async function searchText(
  path: string,
): Promise<{ file: string; text: string; folder: string | null } | null> {
  const folder = path.endsWith(".json") ? null : path;
  const file = folder === null ? path : `${folder}/${SEARCH_FILE}`;
  const text = await readBounded(file).catch(() => null); // what it is and why is for those who read it next
  if (text === null || !/^\s*\{\s*"format"\s*:\s*"ipbench-(search|rfc2544)\//.test(text)) return null;
  return { file, text, folder };
}

/** Who ran the trials that a folder keeps, and with what. */
async function trialSections(folder: string): Promise<Section[]> {
  const { sectionsOf } = await import("../../results/report/html.ts");
  const model = await gather([folder]);
  const wanted = new Set(["warnings", "testers", "targets", "environment", "configuration", "unread"]);
  return sectionsOf(model).filter(({ id }) => wanted.has(id));
}

/**
 * A mesh has a page of its own.
 *
 * @returns Whether it was one.
 */
async function drawMesh([path, ...more]: string[], options: Options): Promise<boolean> {
  if (path === undefined || more.length > 0 || !path.endsWith(".json")) return false;
  const text = await readBounded(path).catch(() => null);
  if (text === null || !/^\s*\{\s*"format"\s*:\s*"ipbench-mesh\//.test(text)) return false;
  const { MeshError, parseMesh } = await import("../../results/mesh/document.ts");
  const { meshPage } = await import("../../results/mesh/page.ts");
  const { meshRows } = await import("../../results/mesh/table.ts");
  const other = (["svg", "markdown", "gnuplot"] as const).find((name) => options[name] !== undefined);
  if (other !== undefined) {
    throw new ExitError(EXIT.USAGE, `--${other}: ${path} is a mesh, which is a page (-o) or rows (--csv)`);
  }
  try {
    const document = parseMesh(text);
    if (options.csv !== undefined) await deliver(options.csv, meshRows(document).map(csvRow).join(""));
    if (options.output === undefined && options.csv !== undefined) return true;
    const page = options.output ?? DEFAULT_OUTPUT;
    await writeWhole(page, meshPage(document, options.title ?? defaultTitle([path])));
    note(`ipbench: ${page}: a mesh of ${document.hosts.length} hosts`);
    return true;
  } catch (cause) {
    if (!(cause instanceof MeshError)) throw cause;
    throw new ExitError(EXIT.FAILED, `${path}: ${cause.message}`, { cause });
  }
}

async function deliver(where: string | true, text: string): Promise<void> {
  if (where === true || where === "-") out(text);
  else {
    await writeWhole(where, text);
    note(`ipbench: ${where} written`);
  }
}

function message(error: unknown): string {
  return messageOf(error);
}
