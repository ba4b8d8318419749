/**
 * Bundles the program into one classic script, `build/ipbench.js`, which the launcher's loader evaluates.
 *
 * A classic script, because Deno analyses every module it loads before V8 sees it: 0.4 s for this program, against
 * 0.02 s in which V8 skims over the functions of a script that are not called.
 *
 * @module
 */

import { must, ROOT, StepError } from "./steps.ts";

/** Path of the bundle. */
export const BUNDLE = ROOT + "build/ipbench.js";

// Deno puts these lines into every bundle that calls `require`; they are for modules only. The loader has another one.
const IMPORT_REQUIRE = /^\s*import \{ createRequire as (\w+) \} from "node:module";\s*$/m;
const DEFINE_REQUIRE = /^\s*var __require = \w+\(import\.meta\.url\);\s*$/m;

/**
 * Makes the bundle. What `deno bundle` needs (esbuild) is fetched once, into DENO_DIR.
 *
 * @throws {StepError} when bundling fails or gives something that is not a classic script
 */
export async function bundle(): Promise<void> {
  const raw = ROOT + "build/bundle.js";
  const entry = "build/embedded/entry.ts";
  await must(Deno.execPath(), ["bundle", "--quiet", "--no-lock", "--format", "iife", "-o", raw, entry]);
  const text = (await Deno.readTextFile(raw))
    .replace(IMPORT_REQUIRE, "")
    .replace(DEFINE_REQUIRE, "  var __require = ipbenchRequire;");
  if (/^\s*import\s[^(]/m.test(text.slice(0, 10_000)) || /[^.\w]import\.meta\b/.test(text.slice(0, 10_000))) {
    throw new StepError(
      `${raw} begins as a module: this version of Deno bundles in a way that is not known here`,
    );
  }
  await Deno.writeTextFile(BUNDLE, text);
}
