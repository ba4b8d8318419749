/**
 * What all packages of one version have in common.
 *
 * @module
 */

import settings from "../../deno.json" with { type: "json" };
import { run, StepError } from "../lib/steps.ts";

/** What is released. */
export interface Release {
  version: string;
  /** The time that everything in it has, in seconds since 1970: SOURCE_DATE_EPOCH, else that of git's last commit. */
  epoch: number;
  /** Folder for what is made, with a slash at the end. */
  output: string;
  /** Who answers for the packages, as Debian's fields want it: NAME <ADDRESS>. */
  maintainer: string;
}

/** Nobody, at an address that cannot exist (RFC 2606): whoever gives packages to others puts in their own. */
export const NO_MAINTAINER = "The ipbench authors <ipbench@packages.invalid>";
/** What it is, in less than 80 characters. */
export const SUMMARY = "distributed benchmark of networks and network stacks";

/**
 * @param output folder for what is made
 * @param maintainer who answers for the packages
 * @throws {StepError} when that is nobody's address, or there is neither SOURCE_DATE_EPOCH nor git
 */
export async function release(output: string, maintainer: string): Promise<Release> {
  // deno-lint-ignore no-control-regex
  if (!/^[^\x00-\x1f<>,]*[^\x00-\x20<>,] <[^\s<>,@]+@[^\s<>,@]+>$/u.test(maintainer)) {
    throw new StepError(
      `--maintainer is ${
        JSON.stringify(maintainer)
      }; expected NAME <ADDRESS>, such as "Ada Doe <ada@example.org>"`,
    );
  }
  const given = Deno.env.get("SOURCE_DATE_EPOCH");
  const text = given ?? (await run("git", ["log", "-1", "--format=%ct"])).output.trim();
  const epoch = /^\d{1,11}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(epoch)) {
    throw new StepError(
      given === undefined
        ? "this folder is no clone of git, which would tell the time of the sources: set SOURCE_DATE_EPOCH to seconds since 1970"
        : `SOURCE_DATE_EPOCH is "${given}": it is a number of seconds since 1970`,
    );
  }
  await Deno.mkdir(output, { recursive: true });
  return { version: settings.version, epoch, output: await Deno.realPath(output) + "/", maintainer };
}
