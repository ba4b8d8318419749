/**
 * The container image for one machine or several, as an archive of the OCI's image layout (image-spec 1.1): a layer with
 * the libraries, one with the programs, nothing else. No container engine is needed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { must } from "../lib/steps.ts";
import type { Target } from "../lib/target.ts";
import type { Library } from "./components.ts";
import { addProgram } from "./files.ts";
import { type Release, SUMMARY } from "./release.ts";
import { Tree } from "./tree.ts";

/** One machine's part. */
export interface ImagePart {
  target: Target;
  libraries: readonly Library[];
  notices: string;
}

/** The user of the daemon's processes: a number that no distribution gives to anybody. */
const USER = 65532;
const TYPE = "application/vnd.oci.image.";

/** A blob as others refer to it. */
interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/**
 * Makes `ipbench-VERSION-oci.tar`.
 *
 * @returns its name
 */
export async function makeImage(release: Release, folder: string, parts: ImagePart[]): Promise<string> {
  const layout = await Tree.make(folder);
  const manifests = [];
  for (const part of parts) {
    const platform = { architecture: part.target.debian, os: "linux" };
    manifests.push({ ...await addManifest(layout, release, part), platform });
  }
  const annotations = { "org.opencontainers.image.ref.name": release.version };
  const index = await addJson(layout, "index.v1+json", { schemaVersion: 2, manifests });
  await layout.write("oci-layout", JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await layout.write(
    "index.json",
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...index, annotations }] }),
  );
  const name = `ipbench-${release.version}-oci.tar`;
  await layout.pack(release.output + name, release.epoch);
  return name;
}

async function addManifest(layout: Tree, release: Release, part: ImagePart): Promise<Descriptor> {
  const { target, libraries, notices } = part;
  const base = await Tree.make(`${target.build}package/libraries`);
  await addLibraries(base, target, libraries);
  const own = await Tree.make(`${target.build}package/programs`);
  await addProgram(own, target, "usr/bin");
  await own.write("usr/share/doc/ipbench/LICENSES", notices);
  const layers = [await addLayer(layout, base, release), await addLayer(layout, own, release)];
  const created = new Date(release.epoch * 1000).toISOString();
  const config = await addJson(layout, "config.v1+json", {
    created,
    architecture: target.debian,
    os: "linux",
    config: {
      User: `${USER}:${USER}`,
      Env: ["PATH=/usr/bin", "HOME=/tmp"],
      Cmd: ["/usr/bin/ipbenchd"],
      ExposedPorts: { "8036/tcp": {}, "8037/tcp": {} },
      Labels: {
        "org.opencontainers.image.title": "ipbench",
        "org.opencontainers.image.description": SUMMARY,
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.licenses": "MIT",
      },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ plain }) => plain) },
    history: ["libraries", "programs"].map((comment) => ({ created, comment })),
  });
  return await addJson(layout, "manifest.v1+json", {
    schemaVersion: 2,
    config,
    layers: layers.map(({ packed }) => packed),
  });
}

/** The C library and what plugins load, the folders that programs expect, and names for the users. */
async function addLibraries(tree: Tree, target: Target, libraries: readonly Library[]): Promise<void> {
  for (const { name, path } of libraries) {
    const place = target.linker.endsWith(`/${name}`)
      ? target.linker.slice(1)
      : `lib/${target.triple}/${name}`;
    await tree.copy(path, place, 0o755);
  }
  await tree.write(
    "etc/passwd",
    `root:x:0:0:root:/:/bin/false\nipbench:x:${USER}:${USER}::/tmp:/bin/false\n`,
  );
  await tree.write("etc/group", `root:x:0:\nipbench:x:${USER}:\n`);
  await tree.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  await tree.folder("tmp");
  await Deno.chmod(`${tree.root}/tmp`, 0o1777);
  for (const name of ["proc", "sys", "dev"]) await tree.folder(name);
}

async function addLayer(
  layout: Tree,
  tree: Tree,
  { epoch }: Release,
): Promise<{ plain: string; packed: Descriptor }> {
  const archive = `${tree.root}.tar`;
  await tree.pack(archive, epoch);
  const plain = `sha256:${digestOf(await Deno.readFile(archive))}`;
  await must("gzip", ["-nf", archive]);
  return { plain, packed: await addBlob(layout, "layer.v1.tar+gzip", await Deno.readFile(archive + ".gz")) };
}

function addJson(layout: Tree, type: string, value: object): Promise<Descriptor> {
  const typed = type.startsWith("config") ? value : { mediaType: TYPE + type, ...value };
  return addBlob(layout, type, new TextEncoder().encode(JSON.stringify(typed)));
}

async function addBlob(layout: Tree, type: string, bytes: Uint8Array): Promise<Descriptor> {
  const digest = digestOf(bytes);
  await layout.write(`blobs/sha256/${digest}`, bytes);
  return { mediaType: TYPE + type, digest: `sha256:${digest}`, size: bytes.length };
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
