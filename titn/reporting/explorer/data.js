// The runs: columns with a value for each run, their curves, and what they predicted.

/** The bytes of a block of the page: gzip in base64. */
async function unpacked(id) {
  const text = atob(byId(id).textContent);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const data = { columns: [], byKey: new Map(), runs: [], ids: [], curves: null, sets: [], t: [] };
let predictionBytes = null;

async function readData() {
  const table = JSON.parse(new TextDecoder().decode(await unpacked("table-data")));
  data.columns = table.columns.map((column) => ({
    ...column,
    numeric: column.kind === "number" || column.kind === "fraction",
    values: column.values || column.codes.map((code) => (code < 0 ? null : column.words[code])),
  }));
  for (const column of data.columns) data.byKey.set(column.key, column);
  data.ids = data.byKey.get("id").values;
  data.runs = data.ids.map((_, index) => index);
  data.curves = table.curves;
  data.sets = table.sets;
  data.t = table.t;
}

const columnOf = (key) => data.byKey.get(key);

/** Whether a column has more than one value, "none" among them. */
function varies(column) {
  if (column.varies === undefined)
    column.varies = column.values.some((value) => String(value) !== String(column.values[0]));
  return column.varies;
}

/** The different values of a column that one can choose among, in order; null is one. */
function wordsOf(column) {
  if (!column.distinct) {
    const found = new Set(column.values.flatMap((value) => (Array.isArray(value) ? value : [value])));
    column.distinct = [...found].sort(compareValues);
  }
  return column.distinct;
}

/** Numbers by size, then texts by their letters and numbers, then none. */
function compareValues(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return COLLATOR.compare(String(a), String(b));
}
const COLLATOR = new Intl.Collator("en", { numeric: true });

const labelOf = (column) => column.label + (column.kind === "fraction" ? " (%)" : "");

/** What a run's name is made of: the last two say how well it did and which it is. */
function partsOfName(run) {
  const part = (key) => (columnOf(key) ? columnOf(key).values[run] : null);
  const top1 = part("top1");
  const said = [part("model"), part("dataset")];
  said.push(part("teacher") && part("teacher") !== "none" ? `teacher ${part("teacher")}` : null);
  said.push(part("seed") === null ? null : `seed ${part("seed")}`);
  said.push(top1 === null ? part("status") : `${shownNumber(top1, "fraction")}%`, data.ids[run]);
  return said;
}

/** A run as lists call it. */
const nameOfRun = (run) => partsOfName(run).filter((part) => part !== null).join(" · ");

/** Runs as a legend calls them: without what they have in common. */
function shortNames(runs) {
  const all = runs.map(partsOfName);
  const differs = (place) => place >= 4 || all.some((parts) => parts[place] !== all[0][place]);
  return all.map((parts) => parts.filter((part, place) => part !== null && differs(place)).join(" · "));
}

/** Metric of epochs -> [[x, y], ...] of a run; of epochs without a value there is no point. */
function curveOf(run, metric, across) {
  const list = data.curves.of[run];
  const values = data.curves.values[metric] && data.curves.values[metric][run];
  if (list < 0 || !values) return [];
  const xs = across === "epoch" ? data.curves.epochs[list] : data.curves.values[across][run];
  if (!xs) return [];
  return values
    .map((value, index) => [xs[index], value])
    .filter(([x, y]) => x !== null && y !== null);
}

const setOf = (run) => data.sets.find((one) => one.runs.includes(run)) || null;

/** The predicted classes of a run for the images that its set keeps. */
async function predictionsOf(run) {
  const set = setOf(run);
  if (!set) return null;
  predictionBytes = predictionBytes || (await unpacked("prediction-data"));
  const { labels, width, classes } = set;
  const start = set.offset + set.runs.indexOf(run) * labels.length * width;
  return labels.map((label, index) => {
    const place = start + index * width;
    const shift = predictionBytes[place] + (width === 2 ? 256 * predictionBytes[place + 1] : 0);
    return (label + shift) % classes.length;
  });
}
