/**
 * What is embedded in the program: plugins, the library they share, and the templates of `ipbench plugin new`.
 *
 * A generated module registers it in a built program; run from the sources, the same files come from `build/` and
 * `tests_c/`.
 *
 * @module
 */

/** Embedded files, each read when it is asked for. */
export interface Embedded {
  /** `libipbench.so.1`. */
  library: () => Promise<Uint8Array>;
  /** Plugins by the name of their file without `.so`, which is the name inside it. */
  plugins: Map<string, () => Promise<Uint8Array>>;
  /** Texts by their path below `tests_c/`. */
  templates: Map<string, () => Promise<string>>;
}

/** Paths below `tests_c/` that `ipbench plugin new` writes into a new folder. */
export const TEMPLATES = ["include/plugin.h", "dummy/dummy.c", "dummy_target/dummy_target.c"] as const;

let registered: Embedded | null = null;

/** @param files what the build embedded; called once by the generated module */
export function registerEmbedded(files: Embedded): void {
  registered = files;
}

/** @returns what is embedded, or its source in the project's folder */
export function embedded(): Embedded {
  registered ??= fromSource();
  return registered;
}

function fromSource(): Embedded {
  const root = new URL("../../", import.meta.url);
  const plugins = new Map<string, () => Promise<Uint8Array>>();
  try {
    const names = [...Deno.readDirSync(new URL("build/plugins/", root))].map((entry) => entry.name).sort();
    for (const file of names) {
      if (!file.endsWith(".so")) continue;
      plugins.set(file.slice(0, -".so".length), () => Deno.readFile(new URL(`build/plugins/${file}`, root)));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // nothing is built yet
  }
  const template = (path: string) =>
    [path, () => Deno.readTextFile(new URL(`tests_c/${path}`, root))] as const;
  return {
    library: () => Deno.readFile(new URL("build/libipbench.so.1", root)),
    plugins,
    templates: new Map(TEMPLATES.map(template)),
  };
}
