/**
 * Chooses which connection is closed when the limit on connections is reached. A newcomer always gets in, so that an operator
 * is never locked out: nobody can occupy every place for good, and whoever floods the daemon displaces his own connections.
 *
 * @module
 */

/** How far a connection has got. */
export type Standing =
  /** It has sent nothing that was understood, or not shown the secret that is asked for. */
  | "new"
  | "talking"
  /** It has sent HELLO and waits for the slot, because the previous test is still being cleared away. */
  | "waiting"
  | "watching";

/** What the choice needs to know of a connection. */
export interface Tenant {
  /** Who is behind it, as far as its address shows: see `sourceOf` in base/network/cidr.ts. */
  readonly source: string;
  /** `null`: it owns the running test, and is never closed for others. */
  readonly standing: Standing | null;
  /** When it last sent something, on a clock that does not jump. */
  readonly lastMs: number;
}

/**
 * The share of all places that is reserved for each standing. Connections that only connect cannot displace those that talk,
 * and those that talk or watch, however many, leave room for newcomers.
 */
const SHARES: Readonly<Record<Standing, number>> = {
  new: 3 / 8,
  talking: 1 / 4,
  waiting: 1 / 8,
  watching: 1 / 4,
};

/** A source with more than this share of all places loses its connections before other sources do. */
const SOURCE_SHARE = 1 / 8;

/**
 * Chooses the connection to close. First comes the standing that exceeds its share most; within it, a source with more than
 * its share of places; and of those, the connection that has been silent longest.
 *
 * @param tenants All that are there.
 * @param newcomer Source of the one who comes.
 * @param places How many there are.
 * @returns The one to go; `null` when there is none but the owner of the test.
 */
export function findLeaver<T extends Tenant>(
  tenants: Iterable<T>,
  newcomer: string,
  places: number,
): T | null {
  const counts: Record<Standing, number> = { new: 1, talking: 0, waiting: 0, watching: 0 };
  const sources = new Map([[newcomer, 1]]);
  const all: (T & { readonly standing: Standing })[] = [];
  for (const tenant of tenants) {
    sources.set(tenant.source, (sources.get(tenant.source) ?? 0) + 1);
    if (!mayGo(tenant)) continue;
    counts[tenant.standing]++;
    all.push(tenant);
  }
  const isGreedy = (tenant: Tenant): boolean =>
    (sources.get(tenant.source) ?? 0) > Math.max(1, places * SOURCE_SHARE);
  const excess = (tenant: { readonly standing: Standing }): number =>
    counts[tenant.standing] / SHARES[tenant.standing];
  let leaver: (T & { readonly standing: Standing }) | null = null;
  for (const tenant of all) {
    if (leaver === null) leaver = tenant;
    else if (excess(tenant) !== excess(leaver)) leaver = excess(tenant) > excess(leaver) ? tenant : leaver;
    else if (isGreedy(tenant) !== isGreedy(leaver)) leaver = isGreedy(tenant) ? tenant : leaver;
    else if (tenant.lastMs < leaver.lastMs) leaver = tenant;
  }
  return leaver;
}

function mayGo<T extends Tenant>(tenant: T): tenant is T & { readonly standing: Standing } {
  return tenant.standing !== null;
}
