/**
 * Who sends to whom: clients that name the client which receives what they send, through the device between them.
 *
 * @module
 */

import { suggestion } from "../base/nearest.ts";
import { formatAddress } from "./address.ts";
import type { Checker, Sourced } from "./inherit.ts";
import type { ClientDescription } from "./run_description.ts";

/** A client as it was read, with its own name and the one it sends to. */
export interface NamedClient {
  client: ClientDescription;
  /** Its number among all clients. */
  index: number;
  name: Sourced | undefined;
  to: Sourced | undefined;
  where: Sourced["where"];
}

/** Whether a text can be the name of a client. */
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Finds the client that each one of a test names, and gives it its number.
 *
 * @param named The clients of one test; their `name` and `to` are set.
 * @param checker Collects what is wrong.
 */
export function pairUp(named: readonly NamedClient[], checker: Checker): void {
  const byName = new Map<string, NamedClient>();
  for (const one of named) {
    if (one.name === undefined) continue;
    const { text, where } = one.name;
    const earlier = byName.get(text);
    if (!NAME.test(text)) {
      checker.complain(
        where,
        `${JSON.stringify(text)} is no name; expected letters, digits, "_", "-" and "."`,
      );
    } else if (earlier !== undefined) {
      const place = typeof earlier.where === "object" ? `line ${earlier.where.line}` : earlier.where;
      checker.complain(where, `a second client named "${text}" (first: ${place})`);
    } else {
      byName.set(text, one);
      one.client.name = text;
    }
  }
  if (named.every(({ to }) => to === undefined)) return;
  for (const one of named) {
    if (one.to === undefined) continue;
    const found = findClient(one.to.text, named, byName);
    if (typeof found === "string") checker.complain(one.to.where, found);
    else if (found === one) checker.complain(one.to.where, "a client cannot send to itself");
    else one.client.to = found.index;
  }
  if (checker.problems.length > 0) return;
  const receiving = new Set(named.map(({ client }) => client.to));
  for (const { client, index, where } of named) {
    if (client.to !== undefined || receiving.has(index)) continue;
    checker.complain(
      where,
      `client ${formatAddress(client)} neither sends nor receives: say to="…" in it, or name it in another's`,
    );
  }
}

/** The client that a text names: by its name, its address, or its host where that is one client's alone. */
function findClient(
  text: string,
  named: readonly NamedClient[],
  byName: ReadonlyMap<string, NamedClient>,
): NamedClient | string {
  const exact = byName.get(text) ?? named.find(({ client }) => formatAddress(client) === text);
  if (exact !== undefined) return exact;
  const there = named.filter(({ client }) => client.host === text);
  if (there.length === 1) return there[0]!;
  if (there.length > 1) {
    return `${there.length} clients are on ${text}: give the one that is meant a name="…", and say that`;
  }
  const known = [...byName.keys(), ...new Set(named.map(({ client }) => client.host))];
  return `no client of this test is called ${JSON.stringify(text)}${suggestion(text, known)}`;
}

/**
 * What is wrong with the pairs of a description that a program made.
 *
 * @returns numbers of clients, with a sentence
 */
export function pairProblems(clients: readonly ClientDescription[]): [index: number, message: string][] {
  return clients.flatMap(({ to, class: of }, n): [number, string][] => {
    if (to === undefined) return [];
    const other = clients[to];
    if (other === undefined) return [[n, `there is no client ${to}`]];
    if (to === n) return [[n, "a client cannot send to itself"]];
    return other.class === of ? [] : [[n, `client ${to} is of another class`]];
  });
}
