/**
 * The daemons that a configuration names, for commands that run nothing.
 *
 * @module
 */

import type { Address } from "./address.ts";
import { ConfigError } from "./config_error.ts";
import type { ConfigFile } from "./config_file.ts";
import type { OwnKeys } from "./hosts/host_files.ts";
import { attribute, Checker, keyPlaces, ownKeys } from "./inherit.ts";
import { note, type Places } from "./places.ts";
import type { ConfigElement } from "./xml/xml_tree.ts";

/** One daemon. */
export interface DaemonDescription extends OwnKeys {
  host: string;
  port: number;
}

/**
 * Reads the daemons of a configuration, each once, as it is named first; what runs on them does not matter, nor whether that is
 * complete.
 *
 * @param file The file.
 * @param ports Ports where the file names none.
 * @param own Keys that the command line gives a daemon: they come before those of a section, after those of the daemon.
 * @returns Testers, then targets, in the order of the file; and where their keys are named, by paths such as
 *   "clients[0].secretFile" in that order.
 * @throws {ConfigError} when the file's structure is wrong, or a host or port in it, or it names no daemon.
 */
export function daemonsOf(
  file: ConfigFile,
  ports: { client: number; target: number },
  own: (daemon: Address) => OwnKeys,
): { daemons: DaemonDescription[]; places: Places } {
  const checker = new Checker();
  const daemons = new Map<
    string,
    { daemon: DaemonDescription; section: ConfigElement; element: ConfigElement }
  >();
  const add = (section: ConfigElement, name: string, fallback: number) => {
    for (const element of section.children.filter((child) => child.name === name)) {
      const host = attribute(element, "hostname");
      if (host === undefined) {
        checker.complain(element.position, `<${name}> without hostname; expected hostname="HOST"`);
        continue;
      }
      const address = {
        host: checker.host(host),
        port: checker.port(attribute(element, "port"), 1, fallback),
      };
      const daemon = { ...address, ...ownKeys(section), ...own(address), ...ownKeys(element) };
      const key = JSON.stringify(address);
      if (!daemons.has(key)) daemons.set(key, { daemon, section, element });
    }
  };
  for (const section of file.tests) add(section, "client", ports.client);
  for (const section of file.targetTests) add(section, "target", ports.target);
  const problems = [...file.problems, ...checker.problems];
  if (problems.length === 0 && daemons.size === 0) {
    problems.push({
      where: { file: file.file, line: 1, column: 1 },
      message: "it names no client and no target",
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const places: Places = new Map();
  for (const [n, { daemon, section, element }] of [...daemons.values()].entries()) {
    note(places, keyPlaces(`clients[${n}]`, section, own(daemon), element));
  }
  return { daemons: Array.from(daemons.values(), ({ daemon }) => daemon), places };
}
