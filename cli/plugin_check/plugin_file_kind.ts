/**
 * Whether a file can be a plugin for this machine at all, explained better than the dynamic linker does.
 *
 * @module
 */

import { messageOf } from "../../base/errors.ts";

/** Names of a folder that are shown; a folder may hold thousands. */
const MOST_NAMES = 5;
const MOST_ENTRIES = 10_000;

/** Of the ELF specification. */
const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const HEADER_BYTES = 20;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const SHARED_OBJECT = 3;
const TYPES: Readonly<Record<number, string>> = { 1: "an object file", 2: "a program", 4: "a core dump" };
const MACHINES: Readonly<Record<number, string>> = {
  3: "x86 (32 bits)",
  8: "MIPS",
  20: "PowerPC (32 bits)",
  21: "PowerPC",
  22: "s390x",
  40: "ARM (32 bits)",
  62: "x86-64",
  183: "AArch64",
  243: "RISC-V",
  258: "LoongArch",
};
const OURS = { x86_64: 62, aarch64: 183 } as const;

/** Why a file is no plugin that could be opened here. */
export interface FileProblem {
  /** What follows the file's name in a sentence. */
  text: string;
  /** The command line is wrong, not the file. */
  isUse: boolean;
}

/**
 * @param path the file
 * @returns what is wrong with it; `null` when it is a shared object for this machine
 */
export async function fileProblem(path: string): Promise<FileProblem | null> {
  try {
    const { isFile, isDirectory } = await Deno.stat(path);
    if (isDirectory) return { text: `is a folder: ${await whatIsIn(path)}`, isUse: true };
    if (!isFile) return { text: "is no regular file: name a shared object, such as ./mine.so", isUse: true };
    const text = await shapeProblem(path);
    return text === null ? null : { text, isUse: false };
  } catch (error) {
    return { text: `cannot be read: ${messageOf(error)}`, isUse: true };
  }
}

async function whatIsIn(folder: string): Promise<string> {
  const names: string[] = [];
  let seen = 0;
  for await (const { name } of Deno.readDir(folder)) {
    if (++seen > MOST_ENTRIES) break;
    if (/\.so(\.\d+)*$/.test(name)) names.push(name);
  }
  if (names.length === 0) return "name the shared object, such as ./mine.so; there is none in it";
  const shown = names.toSorted().slice(0, MOST_NAMES).join(", ");
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  return `name one shared object in it: ${shown}${more}`;
}

async function shapeProblem(path: string): Promise<string | null> {
  const head = new Uint8Array(HEADER_BYTES);
  using file = await Deno.open(path, { read: true });
  const count = await file.read(head) ?? 0;
  if (count === 0) return "is empty: was it built?";
  if (count < HEADER_BYTES || MAGIC.some((byte, n) => head[n] !== byte)) {
    return `is no shared object: it begins with ${
      shown(head.subarray(0, Math.min(count, 4)))
    }, not with ELF's mark`;
  }
  const view = new DataView(head.buffer);
  const isLittle = head[5] === LITTLE_ENDIAN;
  const machine = view.getUint16(18, isLittle);
  if (machine !== OURS[Deno.build.arch] || head[4] !== CLASS_64 || !isLittle) {
    const theirs = MACHINES[machine] ?? `machine ${machine} of ELF`;
    const width = head[4] === CLASS_64 ? "64" : "32";
    const order = isLittle ? "" : ", big-endian";
    return `is built for ${theirs} (${width} bits${order}), and this ipbench is for ${Deno.build.arch}: build it again here`;
  }
  const type = view.getUint16(16, true);
  return type === SHARED_OBJECT
    ? null
    : `is ${TYPES[type] ?? `of ELF type ${type}`}, not a shared object: link it with -shared -fPIC`;
}

function shown(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes);
  return /^[\x20-\x7e]+$/.test(text)
    ? JSON.stringify(text)
    : `the bytes ${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
}
