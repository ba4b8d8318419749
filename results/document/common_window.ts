/**
 * The time that all testers measured together: rates are added over that alone, or the sum would mix different loads.
 *
 * @module
 */
import type { ClientResult } from "./document.ts";

/** From when to when, on the controller's clock. */
export interface Window {
  start_ns: number;
  end_ns: number;
}

/**
 * The part of the measured phases that all testers share.
 *
 * @param clients those that took part
 * @returns latest start and earliest end, which is not after the start when they share nothing; `null` when one of them
 *   does not tell
 */
export function commonWindow(clients: readonly ClientResult[]): Window | null {
  if (clients.length === 0 || clients.some((client) => client.window === undefined)) return null;
  return {
    start_ns: Math.max(...clients.map((client) => client.window!.start_ns)),
    end_ns: Math.min(...clients.map((client) => client.window!.end_ns)),
  };
}

/**
 * How much of a tester's measured phase is the common window.
 *
 * @returns 0 when nothing of it is, 1 when all of it is or it does not tell
 */
export function commonShare(client: ClientResult, common: Window): number {
  if (client.window === undefined) return 1;
  const own = client.window.end_ns - client.window.start_ns;
  return own <= 0 ? 1 : Math.min(1, Math.max(0, (common.end_ns - common.start_ns) / own));
}

/**
 * Whether a tester's rates can be cut to the common window: it tells their course, in steps no longer than the window.
 */
export function canBeCut(client: ClientResult, common: Window): boolean {
  const { series } = client;
  if (series === undefined || series.length < 2) return false;
  return series[1]!.t_ns - series[0]!.t_ns <= common.end_ns - common.start_ns;
}

/**
 * How much higher than over its whole measured phase a tester's rate was within the common window; 1 where it cannot be
 * cut. An interval that lies in the window in part counts in proportion.
 *
 * @param client the tester
 * @param common the common window
 * @param key whether packets sent or those that came back are counted
 */
export function rateFactor(client: ClientResult, common: Window, key: "sent" | "ok"): number {
  const { series, window } = client;
  if (window === undefined || series === undefined || !canBeCut(client, common)) return 1;
  const own = window.end_ns - window.start_ns;
  const shared = common.end_ns - common.start_ns;
  if (own <= 0 || shared <= 0 || shared >= own) return 1;
  let all = 0, inside = 0;
  for (const [n, point] of series.entries()) {
    const from = window.start_ns + point.t_ns;
    const next = series[n + 1];
    const to = next === undefined ? window.end_ns : window.start_ns + next.t_ns;
    const overlap = Math.min(to, common.end_ns) - Math.max(from, common.start_ns);
    all += point[key];
    if (to > from && overlap > 0) inside += point[key] * Math.min(1, overlap / (to - from));
  }
  return all === 0 ? 1 : (inside / shared) / (all / own);
}
