/**
 * The one place that knows the version of ipbench and of its plugin interface.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };

/** Version of ipbench, as `deno.json` has it. */
export const VERSION: string = config.version;

/** Major number of the plugin extension (IPBENCH_EXT_MAJOR in `plugin.h`): another one is refused. */
export const INTERFACE_MAJOR = 1;

/** Minor number of the plugin extension (IPBENCH_EXT_MINOR in `plugin.h`): fields are only ever appended. */
export const INTERFACE_MINOR = 4;
