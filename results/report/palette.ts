/**
 * Colours of the charts. They stand in the SVG as these exact values; a page replaces them by CSS variables, so that
 * one drawing serves light, dark and print.
 *
 * @module
 */

/** Light colours, each unlike any other, with the value that a dark page uses. */
const PALETTE = {
  ink: ["#1b2430", "#e6eaf0"],
  muted: ["#5b6675", "#9aa5b4"],
  grid: ["#e3e7ed", "#2c3541"],
  axis: ["#a9b2bf", "#566273"],
  surface: ["#fffffe", "#151b24"],
  bad: ["#c62828", "#ff7a70"],
  c1: ["#1f6feb", "#6cb0ff"],
  c2: ["#d9730d", "#f5a04c"],
  c3: ["#0a8f72", "#3fcfab"],
  c4: ["#a23bb8", "#d98bea"],
  c5: ["#7a6400", "#d6bf4f"],
  c6: ["#0b7fa3", "#56c6e8"],
  c7: ["#c2255c", "#ff86ae"],
  c8: ["#5f5ab8", "#a9a4ff"],
  s1: ["#7cb8f5", "#2f5f9a"],
  s2: ["#4793e6", "#3f83c9"],
  s3: ["#1f6dd0", "#5fa6ec"],
  s4: ["#164fa3", "#94c6f8"],
  s5: ["#0e2f66", "#cfe6ff"],
} as const satisfies Record<string, readonly [string, string]>;

/** Name of a colour. */
export type ColourName = keyof typeof PALETTE;

/** The light value of a colour: what charts are drawn with. */
export function colour(name: ColourName): string {
  return PALETTE[name][0];
}

/** Colours that tell curves of different kinds apart. */
export const CATEGORIES: readonly ColourName[] = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

/** Colours of curves that follow an order, such as rising load: `count` of them, light to dark. */
export function ramp(count: number): ColourName[] {
  const all: ColourName[] = ["s1", "s2", "s3", "s4", "s5"];
  const chosen: Record<number, number[]> = { 1: [2], 2: [1, 3], 3: [0, 2, 4], 4: [0, 1, 3, 4] };
  return (chosen[count] ?? [0, 1, 2, 3, 4]).map((i) => all[i]!);
}

/** The same drawing with CSS variables in place of the light values. */
export function withVariables(svg: string): string {
  // Hollow marks are filled with the renderer's own white.
  let result = svg.replaceAll('fill="#fff"', 'fill="var(--surface)"');
  for (const [name, [light]] of Object.entries(PALETTE)) {
    result = result.replaceAll(`"${light}"`, `"var(--${name})"`).replaceAll(`:${light}`, `:var(--${name})`);
  }
  return result;
}

/** Declarations of the variables for one scheme. */
export function variables(scheme: "light" | "dark"): string {
  return Object.entries(PALETTE).map(([name, values]) => `--${name}:${values[scheme === "light" ? 0 : 1]}`)
    .join(";");
}
