// Which classes a run takes for which others.

// Ends of the bands, in percent, as in the reports' figures: mistakes of one percent are seen
// beside a diagonal of ninety.
const BANDS = [0, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 100];
const MOST_CLASSES = 100; // with more, a confusion matrix cannot be read
const MOST_NAMES = 30; // on an axis
const MOST_MISTAKES = 25; // listed below the plot

/** The first selected run with predictions, or that of the table, unless one is chosen. */
function confusedRun() {
  const candidates = [...state.sel.map(runOf), ...sortedRuns(), ...data.runs];
  return runOf(state.run) ?? candidates.find((run) => setOf(run)) ?? null;
}

async function drawConfusion() {
  const run = confusedRun();
  fillSelect(byId("confused-run"), runEntries(), run === null ? "" : data.ids[run]);
  const set = run === null ? null : setOf(run);
  if (!set) {
    byId("confusion-note").textContent = "This run has no predictions.";
    byId("mistakes").replaceChildren();
    return showNothing("confusion-plot", "confusion-legend");
  }
  const predicted = await predictionsOf(run);
  const counts = new Map();
  const images = set.classes.map(() => 0);
  set.labels.forEach((label, image) => {
    const cell = label * set.classes.length + predicted[image];
    counts.set(cell, (counts.get(cell) || 0) + 1);
    images[label] += 1;
  });
  const cells = [...counts].map(([cell, count]) => {
    const [label, said] = [Math.floor(cell / set.classes.length), cell % set.classes.length];
    return { label, said, count, share: (100 * count) / images[label] };
  });
  drawMistakes(set, cells);
  const tooMany = set.classes.length > MOST_CLASSES;
  byId("confusion-note").textContent =
    `Rows are true classes; colours are bands of the share of a row. ${counted(set.labels.length, "image")}${sampled(set)}.` +
    (tooMany ? " More than a hundred classes: only the most frequent mistakes are shown." : "");
  return tooMany ? showNothing("confusion-plot", "confusion-legend") : plotConfusion(set, cells, nameOfRun(run));
}

/** Bands from the page's own colour to its opposite, through blue. */
function bandColours() {
  const mix = (from, to, share) =>
    `#${[1, 3, 5].map((at) => {
      const [low, high] = [from, to].map((colour) => parseInt(colour.slice(at, at + 2), 16));
      return Math.round(low + (high - low) * share).toString(16).padStart(2, "0");
    }).join("")}`;
  const [paper, blue, far] = isDark() ? ["#202429", "#0072b2", "#f4fbff"] : ["#f2f6fa", "#0072b2", "#00131f"];
  const steps = BANDS.length - 2;
  return BANDS.slice(1).map((_, index) => {
    const share = index / steps;
    return share < 0.6 ? mix(paper, blue, share / 0.6) : mix(blue, far, (share - 0.6) / 0.4);
  });
}

/** Black on a light colour, white on a dark one. */
function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 130 ? "#000000" : "#ffffff";
}

function plotConfusion(set, cells, name) {
  const k = set.classes.length;
  const range = (start, end) => new Bokeh.Range1d({ start, end });
  const figure = newFigure({
    xLabel: "predicted class", yLabel: "true class", tools: "box_zoom,reset", noGrid: true, ownTicks: true,
    figure: { x_range: range(0, k), y_range: range(k, 0) },
  });
  const colours = bandColours();
  const bandOf = (share) => Math.max(0, BANDS.findIndex((end) => share <= end) - 1);
  figure.background_fill_color = colours[0];
  nameTicks(figure, set.classes);
  const source = new Bokeh.ColumnDataSource({
    data: {
      x: cells.map((cell) => cell.said + 0.5), y: cells.map((cell) => cell.label + 0.5),
      colour: cells.map((cell) => colours[bandOf(cell.share)]),
      label: cells.map((cell) => set.classes[cell.label]), said: cells.map((cell) => set.classes[cell.said]),
      text: cells.map((cell) => `${cell.count} (${cell.share.toFixed(1)}% of the class)`),
      share: cells.map((cell) => (cell.share >= 0.05 ? cell.share.toFixed(1) : "")),
      ink: cells.map((cell) => inkOn(colours[bandOf(cell.share)])),
    },
  });
  const rects = figure.rect(
    { field: "x" }, { field: "y" }, 1, 1, { source, fill_color: { field: "colour" }, line_color: null },
  );
  if (byId("confusion-plot").clientWidth >= 55 * k + 150 && k <= 12)
    figure.text({ field: "x" }, { field: "y" }, { field: "share" }, {
      source, text_align: "center", text_baseline: "middle", text_font_size: "12px", text_color: { field: "ink" },
    });
  figure.add_tools(new Bokeh.HoverTool({
    renderers: [rects], tooltips: [["true", "@label"], ["predicted", "@said"], ["images", "@text"]],
  }));
  const legend = colours.map((colour, index) => ({
    label: `${BANDS[index]} to ${BANDS[index + 1]}%`, style: { colour, marker: "square" }, kind: "marker", renderers: [],
  }));
  byId("confusion-legend").replaceChildren(
    ...legend.map((entry) => element("span", {}, swatch(entry.style, "marker"), entry.label)),
  );
  return showFigure("confusion-plot", figure, legend, `Confusion matrix of ${name}. The table below lists its most frequent mistakes.`);
}

function nameTicks(figure, classes) {
  const step = Math.ceil(classes.length / MOST_NAMES);
  const places = classes.map((_, index) => index).filter((index) => index % step === 0);
  const short = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
  const names = new Map(places.map((place) => [place + 0.5, short(classes[place])]));
  for (const axis of [figure.below[0], figure.left[0]]) {
    axis.ticker = new Bokeh.FixedTicker({ ticks: places.map((place) => place + 0.5), minor_ticks: [] });
    axis.major_label_overrides = names;
  }
  if (Math.max(...[...names.values()].map((name) => name.length)) > 3)
    figure.below[0].major_label_orientation = "vertical";
}

function drawMistakes(set, cells) {
  const mistakes = cells.filter((cell) => cell.label !== cell.said).sort((a, b) => b.count - a.count || a.label - b.label);
  const rows = mistakes.slice(0, MOST_MISTAKES).map((cell) => [
    { value: set.classes[cell.label], text: set.classes[cell.label] },
    { value: set.classes[cell.said], text: set.classes[cell.said] },
    { value: cell.count, text: thousands(cell.count) },
    { value: cell.share, text: cell.share.toFixed(1) },
  ]);
  drawSortable(
    byId("mistakes"),
    [{ label: "True class" }, { label: "Predicted" }, { label: "Images", numeric: true }, { label: "% of the class", numeric: true }],
    rows, 2, true,
  );
}

function setUpConfusion() {
  byId("confused-run").addEventListener("change", (event) => {
    state.run = event.target.value;
    update();
  });
}
