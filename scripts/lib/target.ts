/**
 * The machines that the programs are built for.
 *
 * @module
 */

import { ROOT, StepError } from "./steps.ts";

/** A kind of machine, in the words of those who deal with it. */
export interface Target {
  /** As `uname -m` and Deno call it. */
  name: "x86_64" | "aarch64";
  /** As Debian, Go and container images call it. */
  debian: "amd64" | "arm64";
  /** As GNU's compilers call it. */
  triple: string;
  /** As npm calls the processor. */
  npm: "x64" | "arm64";
  /** Where the C library has its dynamic linker. */
  linker: string;
  /** Whether it is this machine's kind. */
  isHost: boolean;
  /** Folder for what is made on the way, with a slash at the end. */
  build: string;
  /** Folder for the programs, likewise. */
  dist: string;
}

const KINDS = {
  x86_64: {
    debian: "amd64",
    triple: "x86_64-linux-gnu",
    npm: "x64",
    linker: "/lib64/ld-linux-x86-64.so.2",
  },
  aarch64: {
    debian: "arm64",
    triple: "aarch64-linux-gnu",
    npm: "arm64",
    linker: "/lib/ld-linux-aarch64.so.1",
  },
} as const;

/** The C compiler for a machine: the one of this machine, or one that Debian has in gcc-NAME-linux-gnu. */
export function compilerFor(target: Target): string {
  return target.isHost ? "gcc" : `${target.triple}-gcc`;
}

/** The name of this machine's kind. */
export const HOST = Deno.build.arch;

/**
 * @param name what a user calls it: `x86_64`, `aarch64`
 * @throws {StepError} when nothing is known about it
 */
export function targetNamed(name: string): Target {
  if (!Object.hasOwn(KINDS, name)) {
    throw new StepError(`--target ${name}: it is one of ${Object.keys(KINDS).join(", ")}`);
  }
  const known = name as keyof typeof KINDS;
  const isHost = known === HOST;
  const folder = isHost ? "" : `${known}/`;
  return {
    name: known,
    ...KINDS[known],
    isHost,
    build: `${ROOT}build/${folder}`,
    dist: `${ROOT}dist/${folder}`,
  };
}
