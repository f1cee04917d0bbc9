// What the reader chose, kept in the address after the #, so that a view can be sent to others.

const DEFAULTS = {
  tab: "runs", q: "", sort: "", group: "", group2: "", cols: [], filters: [], sel: [], hide: [],
  x: "macs", y: "top1", colour: "model", logx: "1", means: "", metric: "top1", cx: "epoch", cc: "run",
  a: "", b: "", run: "", theme: "",
};
const LISTS = ["cols", "sel", "hide"];
const state = structuredClone(DEFAULTS);

/** Where all runs have one size or one model, as a search's have, what they differ in is drawn first. */
function settleDefaults() {
  const differ = (column) => column && new Set(column.values.filter((value) => value !== null)).size > 1;
  const settings = data.columns.filter((column) => column.part === "setting" && differ(column));
  const first = (wanted) => settings.find(wanted)?.key;
  if (!differ(columnOf(DEFAULTS.x)))
    DEFAULTS.x = first((column) => column.numeric && column.key !== "seed") ?? DEFAULTS.x;
  if (!differ(columnOf(DEFAULTS.colour)))
    DEFAULTS.colour = first((column) => column.key === "dataset.split") ?? first((column) => !column.numeric) ?? "";
}

/** A filter: {key, words} keeps these values, {key, low, high} a range; ends may be null. */
function encodeFilter(filter) {
  const parts = filter.words
    ? filter.words.map((word) => (word === null ? "!" : `=${word}`))
    : ["~", filter.low === null ? "" : filter.low, filter.high === null ? "" : filter.high];
  return [filter.key, ...parts].map(encodeURIComponent).join(",");
}

function decodeFilter(text) {
  const [key, ...parts] = text.split(",").map(decodeURIComponent);
  const column = columnOf(key);
  if (!column) return null;
  const bound = (part) => (part === "" || part === undefined || isNaN(part) ? null : Number(part));
  if (parts[0] === "~") return column.numeric ? { key, low: bound(parts[1]), high: bound(parts[2]) } : null;
  const known = new Map(wordsOf(column).map((word) => [word === null ? "!" : `=${word}`, word]));
  return { key, words: parts.filter((part) => known.has(part)).map((part) => known.get(part)) };
}

function encodeState() {
  const said = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (key === "filters") value.forEach((filter) => said.append("f", encodeFilter(filter)));
    else if (LISTS.includes(key)) {
      if (value.length) said.set(key, value.map(encodeURIComponent).join(","));
    } else if (value !== DEFAULTS[key]) said.set(key, value);
  }
  return said.toString();
}

/** Unknown keys and values are passed over: an address may be of an older page. */
function decodeState(text) {
  Object.assign(state, structuredClone(DEFAULTS));
  const said = new URLSearchParams(text);
  for (const key of Object.keys(DEFAULTS)) {
    try {
      if (key === "filters") state.filters = said.getAll("f").map(decodeFilter).filter(Boolean);
      else if (!said.has(key)) continue;
      else if (LISTS.includes(key)) state[key] = said.get(key).split(",").map(decodeURIComponent);
      else state[key] = said.get(key);
    } catch (error) {
      if (!(error instanceof URIError)) throw error;
    }
  }
  const ids = new Set(data.ids);
  state.sel = state.sel.filter((id) => ids.has(id));
  state.cols = state.cols.filter(columnOf);
  for (const key of ["group", "group2", "x", "y", "colour"])
    if (state[key] && !columnOf(state[key])) state[key] = columnOf(DEFAULTS[key]) ? DEFAULTS[key] : "";
  if (state.cx !== "epoch" && !data.curves.values[state.cx]) state.cx = DEFAULTS.cx;
  if (!columnOf(sortKey()) && sortKey() !== SIZE) state.sort = "";
  if (!state.group) [state.group, state.group2] = [state.group2, ""];
  if (!document.getElementById(`tab-${state.tab}`)) state.tab = DEFAULTS.tab;
}

function rememberState() {
  const said = encodeState();
  if (location.hash.slice(1) !== said) history.replaceState(null, "", said ? `#${said}` : "#");
}
