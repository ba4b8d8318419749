/**
 * What the programs are made of that others have written: for the list of components and the notices.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { builtPlugins } from "../lib/embed.ts";
import { must, ROOT, run, StepError } from "../lib/steps.ts";
import { sysrootFor } from "../lib/sysroot.ts";
import { compilerFor, type Target } from "../lib/target.ts";

/** Something that others have written. */
export interface Component {
  name: string;
  version: string;
  /** An SPDX licence expression, where its author gives one. */
  license?: string;
  /** Texts that have to go with it. */
  texts: string[];
  /** Its package URL (github.com/package-url/purl-spec). */
  purl: string;
  checksum?: { algorithm: "SHA256" | "SHA512"; hex: string };
  /** In the programs; a library linked into them; a library beside them, which only the container image holds. */
  place: "bundled" | "linked" | "image";
}

/** A library of the image. */
export interface Library {
  /** The name by which it is loaded. */
  name: string;
  /** Where it is on this machine. */
  path: string;
}

/** What plugins load when a test asks for it: NFS, TLS and keyed hashes, iperf3's messages. */
const LOADED_LATER = ["libnfs.so.13", "libssl.so.3", "libcrypto.so.3", "libjansson.so.4"];

/**
 * @param target for which machine
 * @param runtime path of the Deno that is packed
 * @param libraries those of the image
 */
export async function components(
  target: Target,
  runtime: string,
  libraries: readonly Library[],
): Promise<Component[]> {
  const found = [
    await deno(runtime),
    ...await npmPackages(target),
    ...await debianPackages(target, await linkedLibraries(target), "linked"),
    ...await debianPackages(target, libraries.map(({ path }) => path), "image"),
  ];
  const byUrl = new Map(found.toReversed().map((component) => [component.purl + component.place, component]));
  return [...byUrl.values()].toSorted((a, b) => a.purl < b.purl ? -1 : a.purl > b.purl ? 1 : 0);
}

/**
 * Finds the libraries that the programs need where nothing is installed.
 *
 * @param runtime path of the Deno that is packed
 * @returns those that are there, and the names of those that are missing here
 */
export async function imageLibraries(
  target: Target,
  runtime: string,
): Promise<{ libraries: Library[]; missing: string[] }> {
  const libraries = new Map<string, string>();
  const missing: string[] = [];
  const queue = [...await neededBy(runtime), target.linker.split("/").at(-1)!, ...LOADED_LATER];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (libraries.has(name) || missing.includes(name)) continue;
    const path = await newestLibrary(target, name);
    if (path === null) missing.push(name);
    else {
      libraries.set(name, path);
      queue.push(...await neededBy(path));
    }
  }
  const list = [...libraries].map(([name, path]) => ({ name, path })).toSorted((a, b) =>
    a.name < b.name ? -1 : 1
  );
  return { libraries: list, missing };
}

/** Names of the libraries that a program or library is linked with. */
async function neededBy(path: string): Promise<string[]> {
  const output = await must("readelf", ["--dynamic", "--wide", path]);
  return Array.from(output.matchAll(/\(NEEDED\).*\[(.+)\]/g), (match) => match[1]!);
}

/** A library of the fetched packages, which Debian keeps up to date as it does not the cross compiler's; else that one's. */
async function newestLibrary(target: Target, name: string): Promise<string | null> {
  const sysroot = await sysrootFor(target);
  for (const folder of sysroot === null ? [] : ["lib", "usr/lib"]) {
    const path = `${sysroot}/${folder}/${target.triple}/${name}`;
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return await Deno.realPath(path);
  }
  return await libraryPath(target, name);
}

/** Where the compiler finds a library; `null` where it does not. */
async function libraryPath(target: Target, name: string): Promise<string | null> {
  const sysroot = await sysrootFor(target);
  const there = sysroot === null ? [] : [`--sysroot=${sysroot}`];
  const path = (await must(compilerFor(target), [...there, `-print-file-name=${name}`])).trim();
  return path.includes("/") ? await Deno.realPath(path) : null;
}

async function linkedLibraries(target: Target): Promise<string[]> {
  const names = ["libc.a", "libgcc.a"];
  if ((await builtPlugins(target.build)).includes("http")) names.push("libhttp_parser.a");
  return await Promise.all(names.map(async (name) => {
    const path = await libraryPath(target, name);
    if (path !== null) return path;
    throw new StepError(
      `${name}, which is in a plugin, is not here: remove ${target.build} and build with the SYSROOT of now`,
    );
  }));
}

/**
 * The newest symbol version of the C library that is asked for.
 *
 * @param paths programs and libraries
 * @returns such as "2.34"
 */
export async function neededGlibc(paths: string[]): Promise<string> {
  const output = await must("readelf", ["--version-info", "--wide", ...paths]);
  const versions = Array.from(
    output.matchAll(/Name: GLIBC_(\d+)\.(\d+)/g),
    (match) => match.slice(1).map(Number),
  );
  const newest = versions.toSorted((a, b) => a[0]! - b[0]! || a[1]! - b[1]!).at(-1);
  if (newest === undefined) throw new StepError(`no symbol of the C library in ${paths.join(" ")}`);
  return newest.join(".");
}

/** The runtime itself, whose npm package has no licence in it. */
async function deno(runtime: string): Promise<Component> {
  const hex = createHash("sha256").update(await Deno.readFile(runtime)).digest("hex");
  const { deno: version, v8 } = Deno.version;
  return {
    name: "deno",
    version,
    license: "MIT",
    texts: [
      `Copyright 2018-2026 the Deno authors. The permission is that of ipbench, above. It holds V8 ${v8}\n` +
      "(Copyright 2014, the V8 project authors; BSD-3-Clause) and what https://github.com/denoland/deno/blob/" +
      `v${version}/Cargo.lock lists.`,
    ],
    purl: `pkg:github/denoland/deno@v${version}`,
    checksum: { algorithm: "SHA256", hex },
    place: "bundled",
  };
}

/** The part of `deno info --json` that is read here. */
interface ModuleGraph {
  modules: { kind: string; npmPackage?: string }[];
  npmPackages: Record<string, { name: string; version: string; dependencies: string[]; localPath: string }>;
}

/** What the program imports, with all that these depend on; integrity as in deno.lock. */
async function npmPackages(target: Target): Promise<Component[]> {
  const entry = `${target.build}embedded/entry.ts`;
  const graph: ModuleGraph = JSON.parse(
    (await must(Deno.execPath(), ["info", "--quiet", "--json", entry])).replace(/^[^{]*/, ""),
  );
  const lock: { npm: Record<string, { integrity?: string }> } = JSON.parse(
    await Deno.readTextFile(ROOT + "deno.lock"),
  );
  const wanted = new Set<string>();
  const queue = graph.modules.flatMap(({ npmPackage }) => npmPackage ?? []);
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    if (wanted.has(id)) continue;
    wanted.add(id);
    queue.push(...graph.npmPackages[id]!.dependencies);
  }
  return await Promise.all([...wanted].map(async (id): Promise<Component> => {
    const { name, version, localPath } = graph.npmPackages[id]!;
    const { license } = JSON.parse(await Deno.readTextFile(`${localPath}/package.json`));
    const sum = /^sha512-(.+)$/.exec(lock.npm[id]?.integrity ?? "")?.[1];
    return {
      name,
      version,
      ...typeof license === "string" && { license },
      texts: await licenceTexts(localPath),
      purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
      ...sum !== undefined &&
        { checksum: { algorithm: "SHA512", hex: Buffer.from(sum, "base64").toString("hex") } },
      place: "bundled",
    };
  }));
}

/** LICENSE and NOTICE of a package, and the licences of what it holds itself. */
async function licenceTexts(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && /^(licen[cs]e|notice|copyrightnotice)/i.test(name)) names.push(name);
  }
  return await Promise.all(names.toSorted().map((name) => Deno.readTextFile(`${folder}/${name}`)));
}

/** The packages that libraries come from, and what their authors allow. */
async function debianPackages(
  target: Target,
  paths: readonly string[],
  place: "linked" | "image",
): Promise<Component[]> {
  const sysroot = await sysrootFor(target);
  const found: Component[] = [];
  for (const path of paths) {
    const root = sysroot !== null && path.startsWith(`${sysroot}/`) ? sysroot : "";
    const database = `${root}/var/lib/dpkg`, query = [`--admindir=${database}`];
    const name = await owner(database, path.slice(root.length));
    const show = "--showformat=${Package}\n${Version}\n${Architecture}\n";
    const [bare, version, arch] = (await must("dpkg-query", [...query, "--show", show, name])).split("\n");
    const texts = await Deno.readTextFile(`${root}/usr/share/doc/${bare}/copyright`).then(
      (text) => [text],
      () => [],
    );
    const purl = `pkg:deb/debian/${bare}@${encodeURIComponent(version!)}?arch=${arch}`;
    found.push({ name: bare!, version: version!, texts, purl, place });
  }
  return found;
}

/** The package that a file was installed by; those from before /usr was merged know it without /usr. */
async function owner(database: string, path: string): Promise<string> {
  for (const known of [path, path.replace(/^\/usr\//, "/"), `/usr${path}`]) {
    const { code, output } = await run("dpkg-query", [`--admindir=${database}`, "--search", known]);
    if (code === 0) return output.split(": ")[0]!;
  }
  throw new StepError(
    `${path} is of no Debian package in ${database}: packages are made on Debian and its like, and a SYSROOT for them ` +
      "has the database of its packages",
  );
}
