/**
 * Configuration: XML file and command line → one validated run description.
 *
 * @module
 */

export * from "./address.ts";
export * from "./build_description.ts";
export * from "./command_line.ts";
export * from "./config_error.ts";
export * from "./config_file.ts";
export { nearest, suggestion } from "../base/nearest.ts";
export { placed, type Places } from "./places.ts";
export * from "./require.ts";
export * from "./run_description.ts";
export * from "../base/units.ts";
export * from "./validate.ts";
export * from "../base/values.ts";
export { decodeConfig } from "./xml/xml_tree.ts";
