// A point for each run: any number against any other.

const numericColumns = () => data.columns.filter((column) => column.numeric);

function drawScatter() {
  const [xColumn, yColumn] = [columnOf(state.x), columnOf(state.y)];
  const all = filteredRuns();
  const has = (column, run) => column && column.values[run] !== null;
  const known = all.filter((run) => has(xColumn, run) && has(yColumn, run));
  const isLog = state.logx === "1" && known.every((run) => xColumn.values[run] > 0);
  byId("scatter-note").textContent = scatterNote(all, known, isLog);
  if (!known.length) return showNothing("scatter-plot", "scatter-legend");
  const x = axisOf(xColumn, known.map((run) => xColumn.values[run]));
  const y = axisOf(yColumn, known.map((run) => yColumn.values[run]));
  const figure = newFigure({
    xLabel: x.label, yLabel: y.label, tools: "pan,box_zoom,wheel_zoom,tap,reset",
    figure: { x_axis_type: isLog ? "log" : "linear" },
  });
  const entries = colourGroups(columnOf(state.colour), known).map((group, index) => {
    const style = styleOf(index);
    const source = pointsOf(group, xColumn, yColumn, x.scale, y.scale);
    const renderer = figure.scatter(
      { field: "x" }, { field: "y" },
      { source, size: style.size, marker: style.marker, fill_color: style.colour, fill_alpha: 0.75,
        line_color: themeColour("paper"), nonselection_fill_alpha: 0.75 },
    );
    source.selected.properties.indices.change.connect(() => toggleTapped(source));
    return { label: group.label, style, renderers: [renderer] };
  });
  ring(figure, known, xColumn, yColumn, x.scale, y.scale);
  figure.add_tools(new Bokeh.HoverTool({
    renderers: entries.flatMap((entry) => entry.renderers),
    tooltips: [["run", "@name"], [xColumn.label, "@xText"], [yColumn.label, "@yText"]],
  }));
  drawLegend("scatter-legend", entries, "marker");
  const label = `Scatter plot of ${counted(known.length, "run")}: ${y.label} against ${x.label}. The table of runs has its numbers.`;
  return showFigure("scatter-plot", figure, entries.map((entry) => ({ ...entry, kind: "marker" })), label);
}

function scatterNote(all, known, isLog) {
  const mixed = mixedIn(known);
  return [
    known.length < all.length ? `${all.length - known.length} of ${counted(all.length, "run")} have no such number.` : "",
    state.logx === "1" && !isLog ? "Not logarithmic: a number is not above zero." : "",
    mixed ? `Data sets or splits are mixed (${mixed}): filter by one before comparing.` : "",
    known.length ? "A click on a point selects its run." : "",
  ].filter(Boolean).join(" ");
}

function pointsOf(group, xColumn, yColumn, xScale, yScale) {
  const { runs } = group;
  return new Bokeh.ColumnDataSource({
    data: {
      x: runs.map((run) => xColumn.values[run] * xScale),
      y: runs.map((run) => yColumn.values[run] * yScale),
      run: runs, name: runs.map(nameOfRun),
      xText: runs.map((run) => shown(xColumn.values[run], xColumn.kind)),
      yText: runs.map((run) => shown(yColumn.values[run], yColumn.kind)),
    },
  });
}

/** Rings around the selected runs. */
function ring(figure, known, xColumn, yColumn, xScale, yScale) {
  const chosen = new Set(state.sel);
  const runs = known.filter((run) => chosen.has(data.ids[run]));
  const source = pointsOf({ runs }, xColumn, yColumn, xScale, yScale);
  figure.scatter(
    { field: "x" }, { field: "y" },
    { source, size: 17, fill_color: null, line_color: themeColour("ink"), line_width: 2 },
  );
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
  byId("log-x").addEventListener("change", (event) => {
    state.logx = event.target.checked ? "1" : "0";
    update();
  });
}
