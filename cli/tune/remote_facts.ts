/**
 * What a daemon's record of its environment shows of how its machine is set up.
 *
 * @module
 */

import { type NicFacts, parseCpuList, type TuningFacts, unknownNic } from "../../ffi/mod.ts";

type Part = Record<string, unknown>;

/**
 * Reads the answer to ENV.
 *
 * @param host What the daemon's machine is called in the answer.
 * @param record The record, as it came.
 * @returns What is in it; all else is not known.
 */
export function remoteFacts(host: string, record: Part): TuningFacts {
  const cpu = partOf(record.cpu);
  const nic = partOf(record.nic);
  const online = parseCpuList(textOf(cpu.online));
  const list = (value: unknown) => textOf(value) === null ? null : parseCpuList(textOf(value));
  const smt = textOf(cpu.smt);
  return {
    host,
    kernel: textOf(record.kernel) ?? "unknown",
    model: textOf(cpu.model),
    virtualisation: textOf(record.virtualisation),
    online,
    clocks: clocksOf(cpu),
    turbo: turboOf(cpu),
    idle: null,
    isolated: list(cpu.isolated),
    nohzFull: list(cpu.nohz_full),
    smt: smt === null ? null : smt === "1",
    siblings: [],
    nodes: null,
    clocksource: textOf(record.clocksource),
    clocksources: [],
    irqbalance: null,
    rmemMax: null,
    wmemMax: null,
    rtRuntimeUs: null,
    tester: null,
    nic: textOf(nic.name) === null ? null : nicOf(nic),
  };
}

function clocksOf(cpu: Part): TuningFacts["clocks"] {
  const groups = Array.isArray(cpu.clocks) ? cpu.clocks.map(partOf) : [{ ...cpu, cpus: cpu.online }];
  return groups.flatMap(({ cpus, governor, driver }) =>
    textOf(governor) === null ? [] : [{
      cpus: textOf(cpus) ?? "",
      governor: textOf(governor),
      driver: textOf(driver),
      min_khz: null,
      max_khz: null,
    }]
  );
}

function turboOf(cpu: Part): TuningFacts["turbo"] {
  const folder = "/sys/devices/system/cpu";
  const [without, boost] = [textOf(cpu.no_turbo), textOf(cpu.boost)];
  if (without !== null) return { on: without === "0", file: `${folder}/intel_pstate/no_turbo` };
  return boost === null ? null : { on: boost === "1", file: `${folder}/cpufreq/boost` };
}

function nicOf(nic: Part): NicFacts {
  const irqs = Array.isArray(nic.irqs) ? nic.irqs.map(partOf) : [];
  return {
    ...unknownNic(textOf(nic.name) ?? ""),
    irqs: irqs.flatMap(({ irq, name, cpus }) =>
      Number.isSafeInteger(irq) ? [{ irq: irq as number, name: textOf(name) ?? "", cpus: textOf(cpus) }] : []
    ),
    device: nic,
  };
}

function partOf(value: unknown): Part {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Part : {};
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
