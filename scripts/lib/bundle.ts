/**
 * Bundles the program into classic scripts, which the launcher's loader evaluates: the plugin host, the answer to
 * `--version`, everything else, and libraries that few calls need, joined in one file.
 *
 * Classic scripts, because Deno analyses every module it loads before V8 sees it: 0.4 s for this program, against
 * 0.02 s in which V8 skims over the functions of a script that are not called. ASCII, because V8 then keeps one byte a
 * character. Minified, because V8 then reads less. Several, because few processes draw charts or send metrics, and one that hosts
 * a plugin needs little of the rest.
 *
 * @module
 */

import { must, StepError } from "./steps.ts";

/** Bytes of the table at its beginning; `scripts/launcher/loader.mjs` knows it too. */
const TABLE_BYTES = 512;
const PARTS = ["version", "host", "main", "charts", "telemetry"] as const;
/** Parts that others leave out: libraries that few processes need. The loader evaluates each when it is first asked for. */
const LATE: Record<string, string[]> = {
  charts: ["echarts/charts", "echarts/components", "echarts/core", "echarts/renderers"],
  telemetry: [
    "@opentelemetry/exporter-metrics-otlp-http",
    "@opentelemetry/resources",
    "@opentelemetry/sdk-metrics",
  ],
};

// Deno puts this into every bundle that calls `require`; it is for modules only. The loader has another one.
const IMPORT_REQUIRE = /\bimport\s*\{\s*createRequire as (\w+)\s*\}\s*from\s*"node:module";/;
const BEGINNING = 10_000;

/**
 * Makes the bundles and joins them. What `deno bundle` needs (esbuild) is fetched once, into DENO_DIR.
 *
 * @param build the build's folder, with a slash at the end; its modules for embedding have been generated
 * @returns path of the joined file
 * @throws {StepError} when bundling fails or gives something that is not a classic script
 */
export async function bundle(build: string): Promise<string> {
  // The first one alone: two that fetch esbuild at the same time into an empty DENO_DIR are in each other's way.
  const [first, ...others] = PARTS;
  const texts = [
    await bundlePart(build, first),
    ...await Promise.all(others.map((part) => bundlePart(build, part))),
  ];
  const table: Record<string, [offset: number, length: number]> = {};
  let offset = TABLE_BYTES;
  PARTS.forEach((part, i) => {
    table[part] = [offset, texts[i]!.length];
    offset += texts[i]!.length;
  });
  const path = build + "ipbench.js";
  await Deno.writeTextFile(path, JSON.stringify(table).padEnd(TABLE_BYTES) + texts.join(""));
  return path;
}

async function bundlePart(build: string, part: string): Promise<string> {
  const raw = `${build}bundle_${part}.js`;
  const entry = `${build}embedded/entry_${part}.ts`;
  const without = part in LATE ? [] : Object.values(LATE).flat().flatMap((name) => ["--external", name]);
  const form = ["--quiet", "--no-lock", "--minify", "--format", "iife"];
  await must(Deno.execPath(), ["bundle", ...form, ...without, "-o", raw, entry]);
  const module = await Deno.readTextFile(raw);
  const [line, name] = IMPORT_REQUIRE.exec(module.slice(0, BEGINNING)) ?? ["", ""];
  const text = name === ""
    ? module
    : module.replace(line, "").replace(`${name}(import.meta.url)`, "ipbenchRequire");
  const beginning = text.slice(0, BEGINNING);
  if (/(^|[;}])\s*import(\s*[{"*]|\s+\w)/.test(beginning) || /[^.\w]import\.meta\b/.test(beginning)) {
    throw new StepError(
      `${raw} begins as a module: this version of Deno bundles in a way that is not known here`,
    );
  }
  return ascii(text) + `\n//# sourceURL=ipbench-${part}.js\n`;
}

/** Writes what is not ASCII, which occurs in strings, patterns and comments alone, as `\\uXXXX`. */
function ascii(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/[^\x00-\x7f]/g, (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"));
}
