// Fills the pages of runs that go on. Runs in the browser as it is; every text goes in as text, never as HTML.
// The browser may share its processors with the testers: nothing is drawn but what has changed and can be seen.

const $ = (id) => document.getElementById(id);
const MINUS = "–";

/** A figure with three digits. */
function digits(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function scaled(value, units) {
  const [size, unit] = units.find(([size]) => value >= size) ?? units.at(-1);
  return `${digits(value / size)} ${unit}`;
}

const rate = (bps) => scaled(bps, [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"], [1, "bit/s"]]);
const duration = (ns) => scaled(ns, [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]]);
const share = (part) => part === 0 ? "0 %" : part < 1e-5 ? "<0.001 %" : `${(100 * part).toPrecision(3)} %`;
/** What comes back; of a test to which nothing does, what it sends. */
const rateOf = ({ rateBps, sentBps }) => rateBps || sentBps || rateBps;
const seconds = (ms) => `${(Math.max(0, ms) / 1000).toFixed(1)} s`;

/** The share lost of what testers report; what one of them does not know has none. */
function lossOf(reports) {
  if (reports.some(({ ok, lost, bad }) => ok === null || lost === null || bad === null)) return null;
  const sum = (of) => reports.reduce((total, each) => total + of(each), 0);
  const ok = sum((p) => p.ok), settled = ok + sum((p) => p.lost + p.bad);
  return settled === 0 ? null : (settled - ok) / settled;
}

/** Gives a list as many elements as there are items, and fills each; what is there is used again. */
function fill(parent, items, make, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, i) => {
    const element = parent.children[i] ?? parent.appendChild(make(item));
    update(element, item, i);
  });
}

/** Sets the text of an element. Its text node stays: another one has to be laid out anew. */
function setText(element, text) {
  if (element.firstChild === null) element.append(text);
  else if (element.firstChild.data !== text) element.firstChild.data = text;
}

/** Sets a property, unless it is so: the browser takes anything that is set for a change. */
function set(element, name, value) {
  if (element[name] !== value) element[name] = value;
}

function setAttribute(element, name, text) {
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

/** Units of a curve's drawing from left to right, about as many as it has pixels. */
const WIDE = 300;
/** As in limits.ts: between two points of a curve, and how many it has, ten minutes of them. */
const POINT_MS = 750, MAX_POINTS = 800;

/** Curves of a class: what is drawn, from which part of a point, in which words. */
const CURVES = [
  { key: "rate", name: "rate", part: 1, text: rate },
  { key: "lost", name: "loss so far", part: 2, text: share },
  { key: "slow", name: "p50, p99 so far, slowest tester", part: 4, before: 3, text: duration },
];

function makeClass() {
  const box = document.createElement("div");
  box.append(document.createElement("h3"), document.createElement("div"));
  box.lastElementChild.className = "curves";
  for (const { key, name } of CURVES) {
    const figure = document.createElement("figure");
    figure.className = key;
    const caption = document.createElement("figcaption");
    const label = document.createElement("span");
    label.textContent = name;
    caption.append(label, document.createElement("b"));
    const drawing = svg("svg");
    drawing.setAttribute("viewBox", `0 0 ${WIDE} 100`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("role", "img");
    drawing.append(svg("polyline"));
    figure.append(caption, drawing);
    box.lastElementChild.append(figure);
  }
  return box;
}

function updateClass(box, { name, points, now }) {
  setText(box.firstElementChild, name);
  set(box.firstElementChild, "hidden", name === "");
  const from = points.at(0)?.[0] ?? 0, last = points.at(-1)?.[0] ?? 1, to = Math.max(last, from + 10_000);
  // Less than a pixel more is not to be seen.
  const isDrawn = last - box.drawnMs < (to - from) / WIDE;
  if (!isDrawn) box.drawnMs = last;
  [...box.lastElementChild.children].forEach((figure, i) => {
    const { part, before, text } = CURVES[i];
    const value = now === null ? null : now[part];
    const first = before === undefined || value === null || now[before] === null
      ? ""
      : `${text(now[before])}, `;
    setText(figure.querySelector("b"), value === null ? MINUS : first + text(value));
    if (isDrawn) return;
    const known = points.filter((point) => point[part] !== null);
    const most = Math.max(...known.map((point) => point[part]), 0);
    const place = ([at], y) => `${(WIDE * (at - from) / (to - from)).toFixed(1)},${y.toFixed(1)}`;
    setAttribute(
      figure.querySelector("polyline"),
      "points",
      known.map((point) => place(point, most === 0 ? 98 : 98 - 94 * point[part] / most)).join(" "),
    );
    const range = known.length === 0 ? "nothing yet" : `highest ${text(most)}`;
    setAttribute(
      figure.querySelector("svg"),
      "aria-label",
      `${figure.querySelector("span").textContent}: ${range}`,
    );
  });
}

/** The sums of a class now: `[time, rate, loss, p50, p99]`, as points of curves are. Percentiles are the slowest tester's. */
function sumsOf(peers, atMs) {
  const known = peers.filter(({ progress }) => progress !== null);
  if (known.length === 0) return null;
  const most = (key) => Math.max(...known.map(({ progress }) => progress[key])) || null;
  const running = known.filter(({ outcome }) => outcome === "");
  const rates = running.map(({ progress }) => rateOf(progress)).filter((one) => one !== null);
  const loss = lossOf(known.map(({ progress }) => progress));
  const all = rates.length === 0 ? null : rates.reduce((a, b) => a + b, 0);
  return [atMs, all, loss, most("p50Ns"), most("p99Ns")];
}

const HEADS = [...document.querySelectorAll("#peers th")].map((head) => head.textContent);

/** Rows in view, or nearly so. Of a table that is longer than this the figures of others are filled in when they come there. */
const seen = new Set();
const FEW_ROWS = 50;
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) {
      seen.add(target);
      fillRow(target, target.peer);
    } else seen.delete(target);
  }
}, { rootMargin: "50%" });
/** Paper shows all rows. */
addEventListener("beforeprint", () => {
  for (const row of document.querySelectorAll("#peers tbody tr")) fillRow(row, row.peer);
});

function makeRow() {
  const row = document.createElement("tr");
  HEADS.forEach((name, i) => {
    const cell = row.insertCell();
    cell.dataset.name = name;
    if (i > 1) cell.className = "n";
  });
  watcher.observe(row);
  return row;
}

/** A row as a whole, so that its figures are of the time that stands in it. */
function updateRow(row, peer) {
  const { phase, outcome } = row.peer ?? {};
  row.peer = peer;
  const isDue = row.parentElement.rows.length <= FEW_ROWS || seen.has(row);
  if (isDue || phase !== peer.phase || outcome !== peer.outcome) fillRow(row, peer);
}

function fillRow(row, { role, name, class: of, phase, outcome, progress }) {
  set(row, "className", outcome);
  const p = progress, loss = p === null ? null : lossOf([p]);
  const dark = p !== null && p.darkNs > 0 && outcome === "" ? `, dark for ${duration(p.darkNs)}` : "";
  const known = (ns) => !p?.[ns] ? MINUS : duration(p[ns]);
  const texts = [
    (of === "" ? name : `${of} ${name}`) + (role === "target" ? " (target)" : ""),
    (outcome === "" ? phase : outcome) + dark,
    p === null
      ? MINUS
      : p.expectedNs > 0
      ? `${(p.elapsedNs / 1e9).toFixed(1)} of ${seconds(p.expectedNs / 1e6)}`
      : seconds(p.elapsedNs / 1e6),
    p === null || rateOf(p) === null
      ? MINUS
      : p.rateBps || !p.sentBps
      ? rate(p.rateBps ?? p.sentBps)
      : `sent ${rate(p.sentBps)}`,
    loss === null ? MINUS : share(loss),
    known("p50Ns"),
    known("p99Ns"),
    known("maxNs"),
  ];
  texts.forEach((text, i) => setText(row.cells[i], text));
}

/** The page of one run. */
function follow(main) {
  const curves = new Map();
  const source = new EventSource(`/live/${main.dataset.run}/events`);
  let latest = null;
  const add = (name, point) => {
    const points = curves.get(name) ?? [];
    curves.set(name, points);
    if (points.length > 0 && point[0] - points.at(-1)[0] < 0.9 * POINT_MS) return;
    points.push(point);
    if (points.length > MAX_POINTS) points.shift();
  };
  /** The classes of a state, whose sums become points of their curves. */
  const classesOf = ({ peers, atMs, ended }) => {
    const testers = Map.groupBy(peers.filter(({ role }) => role === "client"), (peer) => peer.class);
    return [...testers].map(([name, own]) => {
      const now = sumsOf(own, atMs);
      if (now !== null && ended === null) add(name, now);
      return { name, now, points: curves.get(name) ?? [] };
    });
  };
  const show = (state, classes) => {
    // First what asks how the page is laid out, before anything changes that.
    showConsole(state);
    fill($("classes"), classes, makeClass, updateClass);
    fill($("peers").tBodies[0], state.peers, makeRow, updateRow);
    set($("more"), "hidden", state.more === 0);
    setText($("more"), `and ${state.more} more, which are not shown`);
    showNotes(state);
    showTime(state);
  };
  source.onopen = () => $("offline").hidden = true;
  source.onerror = () =>
    $("offline").hidden = source.readyState === EventSource.CLOSED && main.dataset.ended === "yes";
  source.onmessage = ({ data }) => {
    const state = JSON.parse(data);
    for (const [name, points] of Object.entries(state.curves ?? {})) curves.set(name, points);
    latest = [state, classesOf(state)];
    // Nobody looks at a page in the background, but its title says when the run has ended.
    if (!document.hidden) show(...latest);
    if (state.ended !== null) {
      main.dataset.ended = "yes";
      source.close();
      showEnd(state);
    }
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && latest !== null) show(...latest);
  });
}

/** What lists have shown, by their ids. */
const shown = new Map();

function isNew(id, lines) {
  const text = JSON.stringify(lines);
  const isOther = shown.get(id) !== text;
  shown.set(id, text);
  return isOther;
}

function showNotes({ notes }) {
  if (!isNew("notes", notes)) return;
  $("nothing").hidden = notes.length > 0;
  fill($("notes"), notes.toReversed(), () => document.createElement("li"), (item, { atMs, level, text }) => {
    item.className = level === "error" || level === "INVALID" ? "bad" : "";
    setText(item, `${new Date(atMs).toLocaleTimeString()} ${level}: ${text}`);
  });
}

/** The latest lines of attached consoles, the newest last and in view unless somebody has scrolled back. */
function showConsole({ console: lines = [] }) {
  if (lines.length === 0 || !isNew("lines", lines)) return;
  $("console").hidden = false;
  const box = $("lines").parentElement;
  const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
  const names = new Set(lines.map(({ name }) => name));
  fill($("lines"), lines, () => document.createElement("li"), (item, { atMs, name, text }) => {
    setText(item, `${new Date(atMs).toLocaleTimeString()} ${names.size > 1 ? `${name}: ` : ""}${text}`);
  });
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function showTime({ phase, beganMs, atMs, startMs, expectedMs, ended }) {
  setText($("phase"), phase);
  const ran = startMs === null || atMs < startMs ? null : atMs - startMs;
  const known = expectedMs !== null && expectedMs > 0 && ran !== null;
  set($("progress"), "hidden", !known || ended !== null);
  if (known) set($("progress"), "value", Math.min(1, ran / expectedMs));
  setText(
    $("time"),
    known && ended === null
      ? `· ${seconds(Math.min(ran, expectedMs))} of ${seconds(expectedMs)}`
      : `· ${seconds(atMs - beganMs)} since it began`,
  );
}

function showEnd({ id, ended }) {
  const { verdict, reasons, figures } = ended;
  const box = $("verdict");
  box.className = `verdict ${verdict}`;
  box.hidden = false;
  const name = document.createElement("b"), rest = document.createElement("div");
  name.textContent = verdict;
  const list = document.createElement("ul");
  fill(
    list,
    [...reasons, ...figures],
    () => document.createElement("li"),
    (item, text) => setText(item, text),
  );
  rest.append(list);
  box.replaceChildren(name, rest);
  document.title = `${verdict}: ${document.title}`;
  if ($("main").dataset.reports === "yes") void linkReport(id, rest, 5);
}

/** Links the report as soon as the server has it; a run that keeps no document has none. */
async function linkReport(id, place, tries) {
  const known = await fetch(`/runs/${id}/known`).then((answer) => answer.json()).catch(() => null);
  if (known === true) {
    const link = document.createElement("a");
    link.href = `/runs/${id}`;
    link.textContent = "The report of this run";
    place.append(link);
  } else if (known === false && tries > 0) setTimeout(() => linkReport(id, place, tries - 1), 1000);
}

/** The list of runs on the first page. */
async function list(runs) {
  if (document.hidden) return document.addEventListener("visibilitychange", () => list(runs), { once: true });
  try {
    const states = await (await fetch("/live.json")).json();
    fill(runs, states, () => {
      const item = document.createElement("li"), link = document.createElement("a");
      const how = document.createElement("span");
      how.className = "quiet";
      item.append(link, " ", how);
      return item;
    }, (item, { id, title, phase, ended }) => {
      item.querySelector("a").href = `/live/${id}`;
      setText(item.querySelector("a"), title);
      setText(item.querySelector("span"), ended?.verdict ?? phase);
    });
    $("none").hidden = states.length > 0;
  } catch {
    // The server is away: what is shown stays until it answers again.
  }
  setTimeout(() => list(runs), 2000);
}

if ($("runs") !== null) list($("runs"));
else follow($("main"));
