/**
 * Hosts as they are typed: HOST, a range such as lab[01-64], or @FILE.
 *
 * @module
 */

import { ConfigError, type Problem } from "../../config/config_error.ts";
import { expandRange, parseHostList } from "../../config/hosts/host_ranges.ts";
import { MAX_HOSTS } from "../../config/limits.ts";
import { decodeConfig } from "../../config/xml/xml_tree.ts";
import { readBytes, reasonOf } from "./read_bytes.ts";

/**
 * Writes out ranges and reads files of hosts. All places of a command line that take hosts use this.
 *
 * @param words As typed.
 * @param where The option that they were given to; `null` for arguments.
 * @returns One host a word, as typed or in the file, with its port, user or `=ADDRESS`.
 * @throws {ConfigError} naming everything that is wrong.
 */
export async function expandHosts(words: readonly string[], where: string | null): Promise<string[]> {
  const problems: Problem[] = [];
  const complain = (message: string) => void problems.push({ where, message });
  const found: string[] = [];
  for (const word of words) {
    if (word.startsWith("@")) {
      const { hosts, wrong } = await readHostFile(word.slice(1));
      found.push(...hosts);
      wrong.forEach(complain);
      continue;
    }
    const hosts = expandRange(word);
    if (typeof hosts === "string") complain(hosts);
    else found.push(...hosts);
  }
  if (found.length > MAX_HOSTS) complain(`${found.length} hosts are more than ${MAX_HOSTS}`);
  if (problems.length > 0) throw new ConfigError(problems);
  return found;
}

async function readHostFile(path: string): Promise<ReturnType<typeof parseHostList>> {
  if (path === "") return { hosts: [], wrong: ["@ needs the name of a file: @FILE"] };
  try {
    return parseHostList(decodeConfig(await readBytes(path), path), path);
  } catch (cause) {
    return { hosts: [], wrong: [`cannot read the hosts of ${path}: ${reasonOf(cause)}`] };
  }
}
