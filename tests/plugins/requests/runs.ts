/**
 * Tests of requests, each a process of its own.
 *
 * @module
 */
import type { Counts, Metric, Rates, Summary } from "../../../results/document/document.ts";
import { freePort, isInstalled, projectRoot, until } from "../../util/mod.ts";
import { drive, drivenRow } from "../../fixtures/driven.ts";

/** What a test says of itself. */
export interface Result {
  counts: Counts;
  rates: Rates;
  metrics: Metric[];
  latency: { response: Summary; service: Summary; connect?: Summary; first_byte?: Summary };
  pacing: { due: number; unsent: number };
  engine: { connections: number; depth: number; local_addresses: number };
  reasons: { level: string; code: string; text: string }[];
}

/** Arguments of all: a machine that tests share, and no phase but the measured one. */
export const QUIET = "wait=sleep,limits=shared,warmup=0,cooldown=0";
/** Whether http can be tried here. */
export const hasHttp = isInstalled("nginx") && isThere(`${projectRoot()}/build/plugins/http.so`);

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Its metrics by name. */
export const figuresOf = ({ metrics }: Result) =>
  Object.fromEntries(metrics.map(({ name, value }) => [name, value])) as Record<string, number>;

/** One test to its end, with what is in `args` beside {@linkcode QUIET}. */
export function run(
  plugin: string,
  port: number,
  args: string,
  wrap?: string[],
): Promise<{ result: Result; row: string[] }> {
  const child = drive({
    plugin,
    target: "127.0.0.1",
    port,
    args: `${QUIET},${args}`,
    ...wrap === undefined ? {} : { wrap },
  });
  return drivenRow<Result>(child);
}

/**
 * A stream_target for so many seconds, and what is done with it.
 *
 * @param wrap a command that starts it in its own process
 * @returns its metrics by name
 */
export async function withStreamTarget(
  seconds: number,
  body: (port: number) => Promise<void>,
  wrap: string[] = [],
): Promise<Record<string, number>> {
  const port = freePort();
  const args = `port=${port},ip=127.0.0.1`;
  const target = drive({ plugin: "stream_target", target: "", port: 0, args, seconds, wrap });
  const counted = drivenRow<Result>(target);
  counted.catch(() => {});
  await until("stream_target listens", 10_000, () => {
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    return Deno.readTextFileSync("/proc/net/tcp").includes(`:${hex} 00000000:0000 0A`);
  });
  await body(port);
  return figuresOf((await counted).result);
}
