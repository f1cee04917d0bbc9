// A point for each run, or for each group of the table: any number against any other.

const numericColumns = () => data.columns.filter((column) => column.numeric);

function drawScatter() {
  const [xColumn, yColumn] = [columnOf(state.x), columnOf(state.y)];
  const all = filteredRuns();
  const has = (column, run) => column && column.values[run] !== null;
  const byGroup = state.means === "1" && groupKeys().length > 0;
  const numbered = all.filter((run) => has(xColumn, run) && has(yColumn, run));
  const known = byGroup ? numbered.filter(isWhole) : numbered;
  byId("means").disabled = !groupKeys().length;
  byId("colour").disabled = byGroup;
  const isLog = state.logx === "1" && known.every((run) => xColumn.values[run] > 0);
  byId("scatter-note").textContent = scatterNote(all, numbered, known, isLog, byGroup);
  if (!known.length) return showNothing("scatter-plot", "scatter-legend");
  const x = axisOf(xColumn, known.map((run) => xColumn.values[run]));
  const y = axisOf(yColumn, known.map((run) => yColumn.values[run]));
  const figure = newFigure({
    xLabel: x.label, yLabel: y.label, tools: "pan,box_zoom,wheel_zoom,tap,reset",
    figure: { x_axis_type: isLog ? "log" : "linear" },
  });
  const scales = { x: x.scale, y: y.scale };
  const draw = byGroup ? drawGroupPoints : drawRunPoints;
  const entries = draw(figure, known, xColumn, yColumn, scales);
  figure.add_tools(new Bokeh.HoverTool({
    renderers: entries.map((entry) => entry.renderers[0]),
    tooltips: [[byGroup ? "group" : "run", "@name"], [xColumn.label, "@xText"], [yColumn.label, "@yText"]],
  }));
  drawLegend("scatter-legend", entries, "marker");
  const label = `Scatter plot of ${counted(known.length, "run")}: ${y.label} against ${x.label}. The table of runs has its numbers.`;
  return showFigure("scatter-plot", figure, entries.map((entry) => ({ ...entry, kind: "marker" })), label);
}

function scatterNote(all, numbered, known, isLog, byGroup) {
  const leftOut = leftOutOf(numbered.filter((run) => !known.includes(run)));
  const mixed = mixedIn(known);
  return [
    numbered.length < all.length ? `Without such a number: ${all.length - numbered.length} of ${counted(all.length, "run")}.` : "",
    state.logx === "1" && !isLog ? "Not logarithmic: a number is not above zero." : "",
    mixed ? `Mixed are ${mixed}. Filter by one before comparing.` : "",
    byGroup ? "Means and their 95% intervals of the groups of the table of runs." : "",
    leftOut ? `Left out of means: ${leftOut}.` : "",
    known.length && !byGroup ? "A click on a point selects its run." : "",
  ].filter(Boolean).join(" ");
}

function drawRunPoints(figure, known, xColumn, yColumn, scales) {
  const entries = colourGroups(columnOf(state.colour), known).map((group, index) => {
    const style = styleOf(index);
    const source = pointsOf(group.runs, xColumn, yColumn, scales);
    const renderer = points(figure, source, style);
    source.selected.properties.indices.change.connect(() => toggleTapped(source));
    return { label: group.label, style, renderers: [renderer] };
  });
  const chosen = new Set(state.sel);
  const ringed = known.filter((run) => chosen.has(data.ids[run]));
  figure.scatter(
    { field: "x" }, { field: "y" },
    { source: pointsOf(ringed, xColumn, yColumn, scales), size: 17, fill_color: null,
      line_color: themeColour("ink"), line_width: 2 },
  );
  return entries;
}

const points = (figure, source, style) =>
  figure.scatter(
    { field: "x" }, { field: "y" },
    { source, size: style.size, marker: style.marker, fill_color: style.colour, fill_alpha: 0.75,
      line_color: themeColour("paper"), nonselection_fill_alpha: 0.75 },
  );

function pointsOf(runs, xColumn, yColumn, scales) {
  return new Bokeh.ColumnDataSource({
    data: {
      x: runs.map((run) => xColumn.values[run] * scales.x),
      y: runs.map((run) => yColumn.values[run] * scales.y),
      run: runs, name: runs.map(nameOfRun),
      xText: runs.map((run) => shown(xColumn.values[run], xColumn.kind)),
      yText: runs.map((run) => shown(yColumn.values[run], yColumn.kind)),
    },
  });
}

/** A point for each group of the table, with its interval upwards and across. */
function drawGroupPoints(figure, known, xColumn, yColumn, scales) {
  const keys = groupKeys();
  const groups = groupsOf(known, keys).sort(
    (a, b) => compareValues(a.values[0], b.values[0]) || compareValues(a.values[1] ?? null, b.values[1] ?? null),
  );
  return groups.map((group, index) => {
    const style = styleOf(index);
    const name = group.values.map((value, place) => shown(value, columnOf(keys[place]).kind)).join(" · ");
    const [x, y] = [xColumn, yColumn].map((column) => summaryOfRuns(group.runs, column));
    const text = ({ mean, half, n }, kind) =>
      shownNumber(mean, kind) + (half === null ? "" : ` ± ${shownHalf(half, mean, kind)}`) + ` (n ${n})`;
    const source = new Bokeh.ColumnDataSource({
      data: {
        x: [x.mean * scales.x], y: [y.mean * scales.y], name: [name],
        xText: [text(x, xColumn.kind)], yText: [text(y, yColumn.kind)],
        left: [(x.mean - x.half) * scales.x], right: [(x.mean + x.half) * scales.x],
        low: [(y.mean - y.half) * scales.y], high: [(y.mean + y.half) * scales.y],
      },
    });
    const line = { source, line_color: style.colour, line_width: 2 };
    const field = (name) => ({ field: name });
    const bars = [
      figure.segment(field("x"), field("low"), field("x"), field("high"), line),
      figure.segment(field("left"), field("y"), field("right"), field("y"), line),
    ];
    return { label: name, style, renderers: [points(figure, source, { ...style, size: 1.3 * style.size }), ...bars] };
  });
}

function toggleTapped(source) {
  const tapped = source.selected.indices.map((index) => source.data.run[index]);
  if (!tapped.length) return;
  for (const run of tapped) select(run, !state.sel.includes(data.ids[run]));
  update();
}

function setUpScatter() {
  const numbers = columnEntries(numericColumns().filter(varies));
  const colours = columnEntries(data.columns.filter((column) => varies(column) && column.key !== "id"));
  fillSelect(byId("x"), numbers, state.x);
  fillSelect(byId("y"), numbers, state.y);
  fillSelect(byId("colour"), [["", "none"], ...colours], state.colour);
  for (const key of ["x", "y", "colour"])
    byId(key).addEventListener("change", (event) => {
      state[key] = event.target.value;
      state.hide = [];
      update();
    });
  byId("means").addEventListener("change", (event) => {
    state.means = event.target.checked ? "1" : "";
    update();
  });
  byId("log-x").addEventListener("change", (event) => {
    state.logx = event.target.checked ? "1" : "0";
    update();
  });
}
