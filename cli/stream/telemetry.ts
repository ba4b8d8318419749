/**
 * Whether the figures of a run go to a collector of OpenTelemetry while it runs, as the standard's environment variables
 * say (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 *
 * @module
 */

import type { OtlpMetrics } from "./otlp_metrics.ts";

/** The endpoint for metrics alone goes before the one for everything. */
const ENDPOINTS = ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/**
 * Opens the way to the collector that the environment names. Only then is anything loaded for it.
 *
 * @param warn Receives a sentence, once, when nothing can be sent.
 * @param env Gives an environment variable.
 * @returns `null` when none is named, or it cannot be used.
 */
export async function openTelemetry(
  warn: (sentence: string) => void,
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<OtlpMetrics | null> {
  const name = ENDPOINTS.find((each) => (env(each) ?? "") !== "");
  const off = env("OTEL_SDK_DISABLED")?.toLowerCase() === "true" || env("OTEL_METRICS_EXPORTER") === "none";
  if (name === undefined || off) return null;
  const problem = problemOf(name, env);
  if (problem !== null) {
    warn(`${problem}; no metrics are sent`);
    return null;
  }
  const { OtlpMetrics } = await import("./otlp_metrics.ts");
  return new OtlpMetrics(warn, (name) => {
    const value = Number(env(name));
    return Number.isFinite(value) && value > 0 ? value : null;
  });
}

/** What is wrong with the environment's settings. */
function problemOf(name: string, env: (name: string) => string | undefined): string | null {
  const url = URL.parse(env(name)!);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return `${name} is no http:// or https:// address: ${env(name)}`;
  }
  const protocol = env("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL") ?? env("OTEL_EXPORTER_OTLP_PROTOCOL") ?? "";
  return protocol === "grpc" ? "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and ipbench sends by http" : null;
}
