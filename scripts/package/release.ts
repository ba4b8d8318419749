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
}

/** Who answers for the packages, as the fields want it; no address is made up. */
export const MAINTAINER = "The ipbench authors <ipbench@packages.invalid>";
/** What it is, in less than 80 characters. */
export const SUMMARY = "distributed benchmark of networks and network stacks";

/**
 * @param output folder for what is made
 * @throws {StepError} when there is neither SOURCE_DATE_EPOCH nor git
 */
export async function release(output: string): Promise<Release> {
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
  return { version: settings.version, epoch, output: await Deno.realPath(output) + "/" };
}
