/**
 * `ipbench csv`: documents as rows in the original's columns.
 *
 * @module
 */
import type { Command } from "commander";
import { viewsOf } from "../../results/document/class_view.ts";
import { originalHeader, originalRow } from "../../results/export/original_csv.ts";
import { EXIT, ExitError } from "../exit.ts";
import { note, out } from "../terminal/io.ts";
import { readDocuments } from "../read_documents.ts";

const HELP = `
Exit status: 0 printed, 1 there was no row, or a file that was named could not
be read (the rows of the others are printed), 2 wrong use.
`;

/** Adds the subcommand. */
export function register(program: Command): void {
  program
    .command("csv")
    .summary("print results as rows in the original's columns")
    .description(
      "Prints one row a document (of several tests one a class, which is its first column), as the plugins printed it " +
        "during the run, below a header where the columns are known. " +
        "ipbench report --csv prints every figure instead.",
    )
    .argument("<paths...>", "result documents, or folders of them")
    .option("--no-header", "rows only")
    .addHelpText("after", HELP)
    .action(async (paths: string[], options: { header: boolean }) => {
      let header: string | null = null;
      let rows = 0;
      const unread: string[] = [];
      for await (const result of readDocuments(paths)) {
        if ("error" in result) {
          note(`ipbench: ${result.file}: ${result.error}`);
          if (paths.includes(result.file)) unread.push(result.file);
          continue;
        }
        for (const view of viewsOf(result.document)) {
          const row = originalRow(view.document);
          if (row === null) {
            const of = view.class === null ? "" : `, class ${view.class}`;
            note(`ipbench: ${result.file}${of}: nothing was printed in this run`);
            continue;
          }
          const names = originalHeader(view.document);
          const columns = names === null || view.class === null ? names : `Class,${names}`;
          if (options.header && columns !== null && columns !== header) out(`${columns}\n`);
          header = columns;
          out(`${view.class === null ? "" : `${view.class},`}${row}\n`);
          rows++;
        }
      }
      if (rows === 0) throw new ExitError(EXIT.FAILED, `no row in ${paths.join(", ")}`);
      if (unread.length > 0) throw new ExitError(EXIT.FAILED);
    });
}
