/**
 * What the daemon and the controller use of `ffi/`: the parent's side.
 *
 * @module
 */

export { variable } from "./granted.ts";
export { monotonicNowNs } from "./clock.ts";
export { PluginError, type PluginErrorCode } from "./errors.ts";
export { oneDeadline } from "./limits.ts";
export { PluginHost, type PluginHostOptions } from "./plugin_host.ts";
export {
  type Finding,
  type PluginCheck,
  type PluginInfo,
  type PluginMetric,
  type PluginOption,
  type Side,
  sidesOf,
  type StartReport,
} from "./plugin_info.ts";
export { NEEDY_TESTS, type NeedyTest } from "./needs.ts";
export { cpuList, parseCpuList } from "./machine/cpu_list.ts";
export {
  type IdleState,
  type NicFacts,
  type TesterProcess,
  type TuningFacts,
  tuningFacts,
  unknownNic,
} from "./machine/tuning.ts";
