/**
 * What one class did to another, in a sentence and in figures for people.
 *
 * @module
 */
import { formatRate, formatTime } from "../../../base/figures.ts";
import type { ClassEffect } from "../document.ts";

type Change = NonNullable<ClassEffect["added_ns"]>;

/** A change of a time with its interval: "+20.3 ms (19.8 to 20.9 ms)". */
export function timeChange({ estimate, low, high }: Change): string {
  return `${signed(estimate, formatTime)} (${signed(low, formatTime)} to ${signed(high, formatTime)})`;
}

/** A change of a rate with its interval: "−1.2 Mbit/s (−1.4 to −1 Mbit/s)". */
export function rateChange({ estimate, low, high }: Change): string {
  return `${signed(estimate, formatRate)} (${signed(low, formatRate)} to ${signed(high, formatRate)})`;
}

function signed(value: number, format: (amount: number) => string): string {
  const text = format(Math.abs(value));
  return value < 0 ? `−${text}` : value > 0 ? `+${text}` : text;
}

/** Whether the interval of a change leaves out "none". */
function isSeen({ low, high }: Change): boolean {
  return low > 0 || high < 0;
}

/**
 * The main figure of an effect.
 *
 * @returns Such as "bulk changes victim's mean response time by +20.3 ms (+19.8 ms to +20.9 ms), from 1.02 ms to 21.3 ms";
 *   `null` when neither times nor rates are known
 */
export function effectSentence(effect: ClassEffect): string | null {
  const { victim, of, added_ns: added, received_bps: received, during } = effect;
  const base = effect.before ?? effect.after;
  if (base === null || during === null) return null;
  if (added !== null) {
    const seen = isSeen(added) ? "" : "; that may be chance";
    const known = (base.p99_ns ?? null) !== null && (during.p99_ns ?? null) !== null;
    const p99 = known ? `; p99 ${formatTime(base.p99_ns)}, then ${formatTime(during.p99_ns)}` : "";
    return `${of} changes ${victim}'s mean response time by ${timeChange(added)}, from ${
      formatTime(base.mean_ns)
    } to ${formatTime(during.mean_ns)}${seen}${p99}`;
  }
  if (received === null) return null;
  const seen = isSeen(received) ? "" : "; that may be chance";
  return `${of} changes what ${victim} receives by ${rateChange(received)}, from ${
    formatRate(base.received_bps)
  } to ${formatRate(during.received_bps)}${seen}`;
}
