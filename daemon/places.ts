/**
 * Who has to go when all places for connections are taken. The operator gets in, whoever else is there: nobody can fill the
 * places for good, and who floods them drives out his own.
 *
 * @module
 */

/** What a connection has come to. */
export type Standing =
  /** It has sent nothing that was understood, or not shown the secret that is asked for. */
  | "new"
  | "talking"
  /** It has sent HELLO, and a test is being cleared away. */
  | "waiting"
  | "watching";

/** A connection, as far as places go. */
export interface Tenant {
  /** Who is behind it, as far as addresses show. */
  readonly source: string;
  /** `null`: it has the test, and stays. */
  readonly standing: Standing | null;
  /** When it last sent something, on a clock that does not jump. */
  readonly lastMs: number;
}

/**
 * Each standing's part of the places, which the others cannot take from it: so those who only connect do not drive out
 * those who talk, and those who talk or watch, however many they are, leave room for who comes.
 */
const SHARES: Readonly<Record<Standing, number>> = {
  new: 3 / 8,
  talking: 1 / 4,
  waiting: 1 / 8,
  watching: 1 / 4,
};

/** The part of the places that one source may have before it goes before others. */
const SOURCE_SHARE = 1 / 8;

/**
 * Finds who has to go: of the standing that is most above its share, the one that has been silent longest, and before
 * that one of a source that has more than its own share.
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
