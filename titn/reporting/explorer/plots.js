// Plots by BokehJS, with legends of buttons, in Okabe and Ito's colours.

// Without the yellow, which is not seen on white; a dark page begins with the lighter blue.
const COLOURS = {
  light: ["#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00", "#56B4E9"],
  dark: ["#56B4E9", "#D55E00", "#009E73", "#FFFFFF", "#CC79A7", "#E69F00", "#0072B2"],
};
const DASHES = ["solid", [8, 5], [9, 4, 2, 4], [2, 4]];
// With sizes that look alike.
const MARKERS = [
  ["circle", 9], ["square", 8], ["triangle", 10], ["diamond", 12], ["inverted_triangle", 10], ["hex", 10],
];
const MAX_GROUPS = 40; // of colours; what has fewer runs is "others"
const MAX_NUMBERS = 12; // different numbers that have a colour each; more are put in ranges

const isDark = () => document.documentElement.dataset.theme === "dark";
const themeColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Colour, dashes and marker of the group at an index: 84 groups differ in at least one. */
function styleOf(index) {
  const colours = COLOURS[isDark() ? "dark" : "light"];
  return {
    colour: colours[index % colours.length],
    dash: DASHES[Math.floor(index / colours.length) % DASHES.length],
    marker: MARKERS[index % MARKERS.length][0],
    size: MARKERS[index % MARKERS.length][1],
  };
}

/** Runs BokehJS, once, when there is something to draw. */
function loadLibrary() {
  for (const block of document.querySelectorAll("script.library")) {
    document.head.append(element("script", {}, block.textContent));
    block.remove();
  }
}

/** An empty figure that fills its element. */
function newFigure(options) {
  const [paper, ink, dim, line] = ["paper", "ink", "dim", "line"].map(themeColour);
  const figure = Bokeh.Plotting.figure({
    sizing_mode: "stretch_both", min_height: 200, toolbar_location: "above",
    background_fill_color: paper, border_fill_color: paper, outline_line_color: null,
    tools: options.tools || "pan,box_zoom,wheel_zoom,reset", ...options.figure,
  });
  figure.toolbar.logo = null;
  figure.toolbar.active_scroll = null;
  // A finger scrolls the page until a tool is chosen.
  if (matchMedia("(pointer: coarse)").matches) figure.toolbar.active_drag = null;
  for (const axis of [...figure.below, ...figure.left]) {
    axis.axis_label_text_color = ink;
    axis.axis_label_text_font_style = "normal";
    axis.axis_label_text_font_size = "14px";
    axis.major_label_text_color = ink;
    axis.major_label_text_font_size = "13px";
    axis.axis_line_color = dim;
    axis.major_tick_line_color = dim;
    axis.minor_tick_line_color = null;
    if (!options.ownTicks) axis.formatter = new Bokeh.BasicTickFormatter({ use_scientific: false });
  }
  figure.below[0].axis_label = options.xLabel;
  figure.left[0].axis_label = options.yLabel;
  for (const grid of figure.center) grid.grid_line_color = options.noGrid ? null : line;
  return figure;
}

// Element's id -> its figure's view and legend, for a download.
const drawn = new Map();
// Element's id -> the latest call to draw there: an earlier one that ends later is dropped.
const calls = new Map();

async function showFigure(id, figure, legend, label) {
  const call = (calls.get(id) || 0) + 1;
  calls.set(id, call);
  removeFigure(id);
  const place = byId(id);
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", label);
  const holder = element("div", { style: "width:100%;height:100%" });
  place.replaceChildren(holder);
  const view = await Bokeh.Plotting.show(figure, holder);
  if (calls.get(id) !== call) return view.remove && view.remove();
  drawn.set(id, { view, legend });
  return view;
}

function removeFigure(id) {
  const before = drawn.get(id);
  if (before && before.view.remove) before.view.remove();
  drawn.delete(id);
  byId(id).replaceChildren();
}

/** In place of a plot that there is nothing for. */
function showNothing(id, legendId) {
  calls.set(id, (calls.get(id) || 0) + 1);
  removeFigure(id);
  if (legendId) byId(legendId).replaceChildren();
}

/** Runs by a column's values: [{label, runs}], numbers in ranges where there are many. */
function colourGroups(column, runs) {
  if (!column) return [{ label: "all runs", runs }];
  const groups = groupsOf(runs, [column.key]).map((group) => ({
    value: group.values[0], label: shown(group.values[0], column.kind), runs: group.runs,
  }));
  groups.sort((a, b) => compareValues(a.value, b.value));
  if (column.numeric && groups.length > MAX_NUMBERS) return ranges(groups, column);
  if (groups.length <= MAX_GROUPS) return groups;
  const largest = [...groups].sort((a, b) => b.runs.length - a.runs.length).slice(0, MAX_GROUPS - 1);
  const others = groups.filter((group) => !largest.includes(group));
  return [
    ...groups.filter((group) => largest.includes(group)),
    { label: `others (${others.length} values)`, runs: [...new Set(others.flatMap((group) => group.runs))] },
  ];
}

/** Six ranges with about as many runs each; runs without a number last. */
function ranges(groups, column) {
  const known = groups.filter((group) => group.value !== null);
  const total = known.reduce((sum, group) => sum + group.runs.length, 0);
  const found = [];
  let before = 0;
  for (const group of known) {
    const place = Math.min(5, Math.floor((6 * before) / total));
    found[place] = found[place] || { low: group.value, runs: [] };
    found[place].high = group.value;
    found[place].runs.push(...group.runs);
    before += group.runs.length;
  }
  const named = found.filter(Boolean).map(({ low, high, runs }) => ({
    label: low === high ? shown(low, column.kind) : `${shown(low, column.kind)} to ${shown(high, column.kind)}`,
    runs,
  }));
  return [...named, ...groups.filter((group) => group.value === null)];
}

/** A button for each entry {label, style, renderers}; pressed: it is seen. */
function drawLegend(id, entries, kind) {
  const buttons = entries.map((entry) => {
    const hidden = state.hide.includes(entry.label);
    for (const renderer of entry.renderers) renderer.visible = !hidden;
    return element(
      "button",
      {
        type: "button", "aria-pressed": String(!hidden),
        click: (event) => {
          const seen = event.currentTarget.getAttribute("aria-pressed") !== "true";
          event.currentTarget.setAttribute("aria-pressed", String(seen));
          for (const renderer of entry.renderers) renderer.visible = seen;
          state.hide = state.hide.filter((label) => label !== entry.label);
          if (!seen) state.hide.push(entry.label);
          rememberState();
        },
      },
      swatch(entry.style, kind), element("span", {}, entry.label),
    );
  });
  byId(id).replaceChildren(...buttons);
}

const MARKER_PATHS = {
  circle: "M12,6m-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0", square: "M7.5,1.5h9v9h-9z",
  triangle: "M12,1L17.5,10.5H6.5z", diamond: "M12,0L17,6L12,12L7,6z",
  inverted_triangle: "M12,11L17.5,1.5H6.5z", hex: "M6.5,6L9.2,1.2H14.8L17.5,6L14.8,10.8H9.2z",
};

function swatch(style, kind) {
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const drawing = svg("svg", { width: 24, height: 12, "aria-hidden": "true" });
  if (kind === "line") {
    const dashes = style.dash === "solid" ? "" : style.dash.join(" ");
    drawing.append(svg("line", { x1: 0, x2: 24, y1: 6, y2: 6, stroke: style.colour, "stroke-width": 2.5, "stroke-dasharray": dashes }));
  } else drawing.append(svg("path", { d: MARKER_PATHS[style.marker], fill: style.colour }));
  return drawing;
}

/** Divides large numbers by a million or a billion, and says so in the axis' label. */
function axisOf(column, values) {
  const label = column.label;
  if (column.kind === "fraction") return { scale: 100, label: `${label} (%)` };
  const most = values.reduce((most, value) => Math.max(most, Math.abs(value || 0)), 0);
  if (most >= 1e10) return { scale: 1e-9, label: `${label} (billions)` };
  if (most >= 1e6) return { scale: 1e-6, label: `${label} (millions)` };
  return { scale: 1, label };
}
