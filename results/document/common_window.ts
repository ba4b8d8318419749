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
 *   does not report it
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
 * @returns 0 when nothing of it is, 1 when all of it is, or when that is not known
 */
export function commonShare(client: ClientResult, common: Window): number {
  if (client.window === undefined) return 1;
  const own = client.window.end_ns - client.window.start_ns;
  return own <= 0 ? 1 : Math.min(1, Math.max(0, (common.end_ns - common.start_ns) / own));
}

/**
 * Whether a tester's rates can be cut to the common window: it reports their course, in steps no longer than the window.
 */
export function canBeCut(client: ClientResult, common: Window): boolean {
  return isFineEnough(client.series, common);
}

function isFineEnough(series: ClientResult["series"], common: Window): boolean {
  if (series === undefined || series.length < 2) return false;
  return series[1]!.t_ns - series[0]!.t_ns <= common.end_ns - common.start_ns;
}

/**
 * How much higher than over its whole measured phase a tester's rate was within the common window; 1 where it cannot be
 * cut. An interval that lies in the window in part counts in proportion.
 *
 * @param client the tester
 * @param common the common window
 * @returns of packets sent, and of those that came back
 */
export function rateFactors(client: ClientResult, common: Window): { sent: number; ok: number } {
  const whole = { sent: 1, ok: 1 };
  const { window } = client;
  if (window === undefined) return whole;
  const own = window.end_ns - window.start_ns;
  const shared = common.end_ns - common.start_ns;
  if (own <= 0 || shared <= 0 || shared >= own) return whole;
  const { series } = client; // The series of many testers is read from disk each time.
  if (series === undefined || !isFineEnough(series, common)) return whole;
  const all = { sent: 0, ok: 0 }, inside = { sent: 0, ok: 0 };
  for (const [n, point] of series.entries()) {
    const from = window.start_ns + point.t_ns;
    const next = series[n + 1];
    const to = next === undefined ? window.end_ns : window.start_ns + next.t_ns;
    const overlap = Math.min(to, common.end_ns) - Math.max(from, common.start_ns);
    const share = to > from && overlap > 0 ? Math.min(1, overlap / (to - from)) : 0;
    for (const key of ["sent", "ok"] as const) {
      all[key] += point[key];
      inside[key] += point[key] * share;
    }
  }
  const factor = (key: "sent" | "ok") => all[key] === 0 ? 1 : (inside[key] / shared) / (all[key] / own);
  return { sent: factor("sent"), ok: factor("ok") };
}
