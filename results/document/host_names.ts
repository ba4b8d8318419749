/**
 * What a part of a document is called: by its host, and by host and port where several daemons of one host take part.
 *
 * @module
 */

/** Where a daemon listens. */
interface Place {
  host: string;
  port: number;
}

/**
 * Names the parts of one document so that no two daemons share a name.
 *
 * @param document Its clients and targets.
 * @returns a function that gives a part's name, such as "10.0.0.1", "10.0.0.1:8036" or "[::1]:8036"
 */
export function hostNames(
  document: { clients: readonly Place[]; targets: readonly Place[] },
): (part: Place) => string {
  const ports = new Map<string, Set<number>>();
  for (const { host, port } of [...document.clients, ...document.targets]) {
    ports.set(host, (ports.get(host) ?? new Set()).add(port));
  }
  return ({ host, port }) => {
    if ((ports.get(host)?.size ?? 0) <= 1) return host;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  };
}
