/**
 * `ipbench plugin check`: examines one plugin and prints what was found.
 *
 * @module
 */

import { EXIT, ExitError } from "../exit.ts";
import { reasonOf } from "../input/read_bytes.ts";
import { note, out } from "../terminal/io.ts";
import { type CheckOptions, Examination } from "./plugin_examination.ts";
import { fileProblem } from "./plugin_file_kind.ts";
import { findingsOf, prepareSanitizer } from "./sanitizer.ts";

/**
 * Checks a plugin and prints what it found.
 *
 * @param file The shared object.
 * @param options How to run it.
 * @throws {ExitError} when it has a fault, or is no plugin.
 */
export async function checkPlugin(file: string, options: CheckOptions): Promise<void> {
  const path = await Deno.realPath(file).catch((cause) => {
    throw new ExitError(EXIT.USAGE, `${file} cannot be read: ${reasonOf(cause)}`, { cause });
  });
  const problem = await fileProblem(path);
  if (problem !== null) {
    throw new ExitError(problem.isUse ? EXIT.USAGE : EXIT.FAILED, `${file} ${problem.text}`);
  }
  const sanitizer = await prepareSanitizer(path);
  try {
    const examination = new Examination(path, options, sanitizer?.env ?? {});
    const fatal = await examination.run();
    const { findings } = examination;
    if (sanitizer !== null && fatal === null) {
      const leaks = await findingsOf(sanitizer);
      for (const line of leaks) note(line);
      findings.push(
        leaks.length === 0
          ? { kind: "ok", text: "no leaks" }
          : { kind: "wrong", text: "it leaks memory, see above" },
      );
    }
    print(file, examination);
    if (fatal !== null) throw new ExitError(EXIT.FAILED, fatal.message, { cause: fatal });
    const wrong = findings.filter(({ kind }) => kind === "wrong").length;
    if (wrong > 0) {
      throw new ExitError(EXIT.FAILED, `${file}: ${wrong === 1 ? "1 fault" : `${wrong} faults`}`);
    }
  } finally {
    if (sanitizer !== null) await Deno.remove(sanitizer.folder, { recursive: true });
  }
}

const LABELS = { ok: "ok   ", note: "note ", wrong: "WRONG" } as const;

function print(file: string, { check, findings }: Examination): void {
  if (check === null) return;
  const { name, side, descr } = check.info;
  out(`${file}: ${name}, ${side} test, ${descr}\n`);
  for (const { kind, text } of findings) out(`${LABELS[kind]}  ${text}\n`);
}
