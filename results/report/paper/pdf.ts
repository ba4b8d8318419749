/**
 * A drawing of ours as PDF of one page (ISO 32000-1), all vectors, with what is to be known of it in the document's
 * information. It reads what echarts writes: rectangles, paths of lines, curves and arcs, and texts.
 *
 * No library does this without a DOM or files of fonts beside it; the letters are those of Helvetica, which every reader has.
 *
 * @module
 */

/** Widths of Helvetica's letters from the blank on, in thousandths of their size. */
const WIDTHS =
  ("278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 " +
    "278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 " +
    "944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 " +
    "278 556 500 722 500 500 500 334 260 334 584").split(" ").map(Number);
/** Of all other letters. */
const OTHER_WIDTH = 556;
/** Characters of WinAnsiEncoding beyond Latin-1. */
const WIN_ANSI: Record<string, number> = { "–": 0x96, "—": 0x97, "…": 0x85, "•": 0x95, "€": 0x80, "−": 0x2d };

/** What the file has about the drawing. */
export interface PdfInfo {
  title: string;
  /** The caption, and where the numbers come from. */
  subject: string;
  creator: string;
}

type Attributes = Record<string, string>;

/**
 * Makes the file.
 *
 * @param svg As `renderChart` gives it.
 * @param info What stands in it beside the drawing.
 * @returns The whole file, ASCII alone.
 */
export function svgToPdf(svg: string, info: PdfInfo): string {
  const { width, height } = attributesOf(/<svg ([^>]*)>/.exec(svg)![1]!);
  const opacities: string[] = [];
  const content = [`1 0 0 -1 0 ${height} cm`, "1 w"];
  // Clip paths are not drawn: what our charts clip does not reach beyond.
  const drawn = svg.replace(/<defs\b[\s\S]*?<\/defs>/g, "");
  for (const [, name, text = "", inner = ""] of drawn.matchAll(/<(rect|path|text) ([^>]*?)\/?>([^<]*)/g)) {
    const attributes = attributesOf(text);
    const marks = name === "text"
      ? letters(attributes, unescape(inner))
      : shape(attributes, name === "rect" ? rectangle(attributes) : pathOf(attributes["d"] ?? ""));
    if (marks === "") continue;
    const opacity = attributes["stroke-opacity"] ?? attributes["fill-opacity"] ?? attributes["opacity"] ??
      "1";
    if (!opacities.includes(opacity)) opacities.push(opacity);
    content.push(`q /G${opacities.indexOf(opacity)} gs ${matrixOf(attributes["transform"])}${marks} Q`);
  }
  const states = opacities.map((value, n) => `/G${n} << /CA ${number(value)} /ca ${number(value)} >>`).join(
    " ",
  );
  const stream = content.join("\n");
  return file([
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> ` +
    `/ExtGState << ${states} >> >> >>`,
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    `<< /Title ${hex(info.title)} /Subject ${hex(info.subject)} /Creator ${hex(info.creator)} >>`,
  ]);
}

/** Objects with their table: the first is the catalogue, the last the information. */
function file(objects: readonly string[]): string {
  let text = "%PDF-1.4\n";
  const offsets: number[] = [];
  objects.forEach((object, n) => {
    offsets.push(text.length);
    text += `${n + 1} 0 obj\n${object}\nendobj\n`;
  });
  const lines = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  return `${text}xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${lines}trailer\n<< /Size ${
    objects.length + 1
  } /Root 1 0 R /Info ${objects.length} 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
}

function attributesOf(text: string): Attributes {
  return Object.fromEntries(
    Array.from(text.matchAll(/([\w:-]+)="([^"]*)"/g), ([, name, value]) => [name!, value!]),
  );
}

function unescape(text: string): string {
  const known: Record<string, string> = { lt: "<", gt: ">", quot: '"', amp: "&", "#39": "'" };
  return text.replace(/&(lt|gt|quot|amp|#39);/g, (_, name) => known[name]!);
}

function number(value: string | number): string {
  return String(Number(Number(value).toFixed(4)));
}

function colourOf(value: string | undefined): string | null {
  const full = value?.replace(/^#(.)(.)(.)$/, "#$1$1$2$2$3$3");
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(full ?? "");
  return found === null ? null : found.slice(1).map((part) => number(parseInt(part, 16) / 255)).join(" ");
}

function matrixOf(transform: string | undefined): string {
  const [, kind, list = ""] = /^(\w+)\(([^)]*)\)/.exec(transform ?? "") ?? [];
  const values = list.split(/[ ,]+/).map(number);
  if (kind === "translate") return `1 0 0 1 ${values[0]} ${values[1] ?? 0} cm `;
  return kind === "matrix" ? `${values.join(" ")} cm ` : "";
}

/** Fills and strokes a path. */
function shape(attributes: Attributes, path: string): string {
  const fill = colourOf(attributes["fill"] ?? "#000000"), stroke = colourOf(attributes["stroke"]);
  if (path === "" || fill === null && stroke === null) return "";
  const dash = attributes["stroke-dasharray"]?.split(/[ ,]+/).map(number).join(" ");
  const cap = attributes["stroke-linecap"] === "round" ? "1 J " : "";
  const pen = stroke === null
    ? ""
    : `${stroke} RG ${number(attributes["stroke-width"] ?? 1)} w ${cap}${
      dash === undefined ? "" : `[${dash}] 0 d `
    }`;
  return `${fill === null ? "" : `${fill} rg `}${pen}${path} ${
    fill === null ? "S" : stroke === null ? "f" : "B"
  }`;
}

function rectangle({ x = "0", y = "0", width = "0", height = "0" }: Attributes): string {
  return `${[x, y, width, height].map(number).join(" ")} re`;
}

/** Operators of a path, of the commands that echarts writes. */
function pathOf(d: string): string {
  const out: string[] = [];
  let x = 0, y = 0;
  for (const [, command = "", list = ""] of d.matchAll(/([MLlCAZ])([^MLlCAZ]*)/g)) {
    const v = (list.match(/-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?/gi) ?? []).map(Number);
    const size = { M: 2, L: 2, l: 2, C: 6, A: 7 }[command] ?? 0;
    if (size === 0) out.push("h");
    for (let i = 0; size > 0 && i + size <= v.length; i += size) {
      const part = v.slice(i, i + size);
      if (command === "l") part.splice(0, 2, x + part[0]!, y + part[1]!);
      const [to, at] = [part[size - 2]!, part[size - 1]!];
      if (command === "A") out.push(...arc(x, y, part[0]!, part[3] === 1, part[4] === 1, to, at));
      else {
        const operator = command === "C" ? "c" : command === "M" && i === 0 ? "m" : "l";
        out.push(`${part.map(number).join(" ")} ${operator}`);
      }
      [x, y] = [to, at];
    }
  }
  return out.join(" ");
}

/** An arc of a circle as Bézier curves of a quarter at most (SVG 1.1, appendix F.6.5). */
function arc(
  x0: number,
  y0: number,
  radius: number,
  large: boolean,
  sweep: boolean,
  x: number,
  y: number,
): string[] {
  const half = Math.hypot(x - x0, y - y0) / 2;
  if (half === 0 || radius === 0) return [];
  const r = Math.max(radius, half);
  const side = Math.sqrt(Math.max(0, r * r - half * half)) / (2 * half) * (large === sweep ? -1 : 1);
  const [cx, cy] = [(x0 + x) / 2 - side * (y - y0), (y0 + y) / 2 + side * (x - x0)];
  const from = Math.atan2(y0 - cy, x0 - cx);
  let angle = Math.atan2(y - cy, x - cx) - from;
  if (sweep && angle < 0) angle += 2 * Math.PI;
  if (!sweep && angle > 0) angle -= 2 * Math.PI;
  const parts = Math.ceil(Math.abs(angle) / (Math.PI / 2) - 1e-9);
  const step = angle / parts, k = 4 / 3 * Math.tan(step / 4);
  return Array.from({ length: parts }, (_, i) => {
    const [a, b] = [from + i * step, from + (i + 1) * step];
    const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
    const points = [ca - k * sa, sa + k * ca, cb + k * sb, sb - k * cb, cb, sb];
    return `${points.map((value, n) => number((n % 2 === 0 ? cx : cy) + r * value)).join(" ")} c`;
  });
}

function letters(attributes: Attributes, text: string): string {
  const size = Number(/font-size:([\d.]+)px/.exec(attributes["style"] ?? "")?.[1] ?? 12);
  const codes = Array.from(
    text,
    (sign) => WIN_ANSI[sign] ?? (sign.charCodeAt(0) < 256 ? sign.charCodeAt(0) : 0x3f),
  );
  const width = codes.reduce((sum, code) => sum + (WIDTHS[code - 32] ?? OTHER_WIDTH), 0) * size / 1000;
  const anchor = attributes["text-anchor"];
  const x = Number(attributes["x"] ?? 0) - (anchor === "end" ? width : anchor === "middle" ? width / 2 : 0);
  // The middle of the line is a third of the size above its base.
  const y = Number(attributes["y"] ?? 0) + (attributes["dominant-baseline"] === "central" ? size * 0.35 : 0);
  const bytes = codes.map((code) => code.toString(16).padStart(2, "0")).join("");
  const fill = colourOf(attributes["fill"]) ?? "0 0 0";
  // The page's axis is turned round, and letters are not to stand on their heads.
  return `${fill} rg BT /F1 ${number(size)} Tf 1 0 0 -1 ${number(x)} ${number(y)} Tm <${bytes}> Tj ET`;
}

/** A text of the information, UTF-16. */
function hex(text: string): string {
  const units = Array.from(
    { length: text.length },
    (_, i) => text.charCodeAt(i).toString(16).padStart(4, "0"),
  );
  return `<feff${units.join("")}>`;
}
