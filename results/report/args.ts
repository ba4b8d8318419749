/**
 * A test's arguments as names and values.
 *
 * @module
 */

/**
 * Splits `name=value,name="value, with comma"`; a name alone has the value "". Later ones win.
 *
 * @param text Arguments as they were given to the test.
 * @returns names and values, in the order given.
 */
export function parseArgs(text: string): Map<string, string> {
  const result = new Map<string, string>();
  let field = "";
  let quoted = false;
  const finish = () => {
    const at = field.indexOf("=");
    const name = (at < 0 ? field : field.slice(0, at)).trim();
    if (name !== "") result.set(name, at < 0 ? "" : field.slice(at + 1).trim());
    field = "";
  };
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (character === "," && !quoted) finish();
    else field += character;
  }
  finish();
  return result;
}
