// Learning curves of the selected runs, or of the first runs of the table.

const FIRST_RUNS = 10; // drawn while none is selected

function curveMetric() {
  const known = data.curves.metrics;
  return known.find((metric) => metric.key === state.metric) || known[0];
}

function drawCurves() {
  const metric = curveMetric();
  if (!metric) {
    byId("curves-note").textContent = "No run has recorded epochs.";
    return showNothing("curves-plot", "curves-legend");
  }
  const chosen = data.runs.filter((run) => state.sel.includes(data.ids[run]));
  const candidates = chosen.length ? chosen : sortedRuns();
  const able = candidates.filter((run) => curveOf(run, metric.key, state.cx).length);
  const byRun = state.cc === "run";
  const runs = chosen.length || !byRun ? able : able.slice(0, FIRST_RUNS);
  byId("curves-note").textContent = curvesNote(chosen, candidates, able, runs);
  if (!runs.length) return showNothing("curves-plot", "curves-legend");
  const groups = byRun
    ? shortNames(runs).map((label, index) => ({ label, runs: [runs[index]] }))
    : colourGroups(columnOf(state.cc), runs);
  return plotCurves("curves-plot", "curves-legend", groups, metric, state.cx);
}

function curvesNote(chosen, candidates, able, runs) {
  const missing = candidates.length - able.length;
  const which = chosen.length
    ? `The ${counted(runs.length, "selected run")}.`
    : runs.length < able.length
      ? `The first ${runs.length} runs of the table; select others there.`
      : `All ${counted(runs.length, "run")} of the table.`;
  const mixed = mixedIn(runs);
  return [
    which,
    missing ? `${counted(missing, "run")} without such a curve.` : "",
    mixed ? `Mixed are ${mixed}. Filter by one before comparing.` : "",
  ].filter(Boolean).join(" ");
}

/** Groups of runs, each in one colour, as lines; an entry of the legend for each group. */
function plotCurves(id, legendId, groups, metric, across) {
  const runs = groups.flatMap((group) => group.runs);
  const curves = new Map(runs.map((run) => [run, curveOf(run, metric.key, across)]));
  const all = [...curves.values()].flat();
  const y = axisOf(metric, all.map((point) => point[1]));
  const xLabel = across === "epoch" ? "epoch" : "training time (s)";
  const figure = newFigure({ xLabel, yLabel: y.label });
  const few = all.length <= 600;
  const entries = groups.map((group, index) => {
    const style = styleOf(index);
    const points = group.runs.map((run) => curves.get(run));
    const source = new Bokeh.ColumnDataSource({
      data: {
        xs: points.map((curve) => curve.map(([x]) => x)),
        ys: points.map((curve) => curve.map(([, value]) => value * y.scale)),
        name: group.runs.map(nameOfRun),
      },
    });
    const lines = figure.multi_line(
      { field: "xs" }, { field: "ys" },
      { source, line_color: style.colour, line_dash: { value: style.dash }, line_width: 2, line_alpha: runs.length > 60 ? 0.6 : 1 },
    );
    const renderers = [lines];
    if (few) renderers.push(markers(figure, points.flat(), y.scale, style));
    return { label: group.label, style, renderers, lines };
  });
  figure.add_tools(new Bokeh.HoverTool({
    renderers: entries.map((entry) => entry.lines), line_policy: "nearest",
    tooltips: [["run", "@name"], [xLabel, "$x{0.[0]}"], [y.label, "$y{0.[000]}"]],
  }));
  drawLegend(legendId, entries, "line");
  const label = `${y.label} by ${xLabel}, ${counted(runs.length, "curve")}.`;
  return showFigure(id, figure, entries.map((entry) => ({ ...entry, kind: "line" })), label);
}

function markers(figure, points, scale, style) {
  const source = new Bokeh.ColumnDataSource({
    data: { x: points.map(([x]) => x), y: points.map(([, value]) => value * scale) },
  });
  return figure.scatter(
    { field: "x" }, { field: "y" },
    { source, size: 0.6 * style.size, marker: style.marker, fill_color: style.colour, line_color: style.colour },
  );
}

function setUpCurves() {
  const metrics = data.curves.metrics.map((metric) => [metric.key, metric.label]);
  const known = metrics.filter(([key]) => key !== "train_secs");
  fillSelect(byId("metric"), known, curveMetric() ? curveMetric().key : "");
  if (known.length < metrics.length)
    byId("curve-x").append(element("option", { value: "train_secs" }, "training time (s)"));
  byId("curve-x").value = state.cx;
  const colours = columnEntries(data.columns.filter((column) => varies(column) && column.key !== "id"));
  fillSelect(byId("curve-colour"), [["run", "each run its own"], ...colours], state.cc);
  for (const [id, key] of [["metric", "metric"], ["curve-x", "cx"], ["curve-colour", "cc"]])
    byId(id).addEventListener("change", (event) => {
      state[key] = event.target.value;
      state.hide = [];
      update();
    });
}
