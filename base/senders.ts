/**
 * Which clients of a run send, where some of them receive only.
 *
 * @module
 */

/**
 * Those that send: of a test in which clients name a receiver, the ones that do; of any other test, all.
 *
 * @param clients All clients of a run, or what came of them.
 */
export function sendersOf<T extends { to?: number; class?: string }>(clients: readonly T[]): T[] {
  const paired = new Set(clients.filter(({ to }) => to !== undefined).map((client) => client.class));
  return clients.filter((client) => client.to !== undefined || !paired.has(client.class));
}
