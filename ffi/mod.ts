/**
 * What the daemon and the controller use of `ffi/`: the parent's side.
 *
 * @module
 */

export { isGranted, variable } from "./granted.ts";
export { monotonicNowNs } from "./clock.ts";
export { PluginError, type PluginErrorCode } from "./errors.ts";
export { DEFAULT_DEADLINES, type HostDeadlines } from "./limits.ts";
export { sdNotify } from "./self/notify.ts";
export { PluginHost, type PluginHostOptions, type SetupArguments } from "./plugin_host.ts";
export {
  type Finding,
  type PageProgress,
  type PluginCheck,
  type PluginInfo,
  type PluginMetric,
  type PluginOption,
} from "./plugin_info.ts";
export { type Side, sidesOf, type StartReport } from "./plugin_info.ts";
export type { HostLog, ProcessEnd } from "./plugin_process.ts";
export { setProcessTitle } from "./process_title.ts";
export {
  type BuildInfo,
  buildInfo,
  programName,
  type SelfCommand,
  selfCommand,
  selfPath,
} from "./self/self.ts";
export { NEEDY_TESTS, type NeedyTest } from "./needs.ts";
export { INTERFACE_MAJOR, INTERFACE_MINOR, VERSION } from "./self/version.ts";
