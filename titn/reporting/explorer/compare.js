// Two runs side by side: settings, numbers, curves, and predictions image by image.

/** A table whose headers sort it. columns: {label, numeric}; rows: a list of {value, text, node} each. */
function drawSortable(table, columns, rows, by, down) {
  const head = columns.map(({ label, numeric }, index) => {
    const again = () => drawSortable(table, columns, rows, index, by === index ? !down : Boolean(numeric));
    const arrow = by === index ? (down ? " ▼" : " ▲") : "";
    const click = () => {
      again();
      table.querySelectorAll("thead button")[index].focus();
    };
    const order = by === index ? (down ? "descending" : "ascending") : "none";
    return element(
      "th", { scope: "col", "aria-sort": order, class: numeric && "number" },
      element("button", { type: "button", click }, label + arrow),
    );
  });
  const sign = down ? -1 : 1;
  const inOrder = by === null ? rows : [...rows].sort((a, b) => {
    const [x, y] = [a[by].value, b[by].value];
    if (x === null || y === null) return (x === null) - (y === null);
    return sign * compareValues(x, y);
  });
  const body = inOrder.map((row) =>
    element("tr", {}, ...row.map((cell, index) =>
      element("td", { class: columns[index].numeric && "number" }, cell.node ? cell.node() : cell.text))),
  );
  table.replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body));
}

const runOf = (id) => (data.ids.includes(id) ? data.ids.indexOf(id) : null);

/** A and B: as chosen, or the first two selected runs, or the first two of the table that have a record. */
function comparedRuns() {
  const top1 = columnOf("top1");
  const recorded = sortedRuns().filter((run) => top1 && top1.values[run] !== null);
  const candidates = [...state.sel.map(runOf), ...recorded, ...sortedRuns(), ...data.runs];
  const a = runOf(state.a) ?? candidates.find((run) => data.ids[run] !== state.b) ?? null;
  const b = runOf(state.b) ?? candidates.find((run) => run !== a) ?? null;
  return [a, b];
}

/** All runs as options: the selected ones first, then those that pass the filters, then others. */
function runEntries() {
  const option = (run) => [data.ids[run], nameOfRun(run)];
  const selected = state.sel.map(runOf);
  const passing = sortedRuns().filter((run) => !selected.includes(run));
  const listed = new Set([...selected, ...passing]);
  return [
    { label: "Selected", options: selected.map(option) },
    { label: "In the table", options: passing.map(option) },
    { label: "Filtered out", options: data.runs.filter((run) => !listed.has(run)).map(option) },
  ].filter((group) => group.options.length);
}

async function drawCompare() {
  const [a, b] = comparedRuns();
  const entries = runEntries();
  fillSelect(byId("run-a"), entries, a === null ? "" : data.ids[a]);
  fillSelect(byId("run-b"), entries, b === null ? "" : data.ids[b]);
  if (a === null || b === null) {
    byId("predictions-note").textContent = "There is only one run.";
    return;
  }
  drawDifferences(a, b);
  const metric = curveMetric();
  if (metric) byId("pair-metric").value = metric.key;
  const pair = [["A", a], ["B", b]].map(([letter, run]) => ({ label: `${letter}: ${nameOfRun(run)}`, runs: [run] }));
  if (metric && [a, b].some((run) => curveOf(run, metric.key, "epoch").length))
    plotCurves("pair-plot", "pair-legend", pair, metric, "epoch");
  else showNothing("pair-plot", "pair-legend");
  await drawPredictions(a, b);
}

function drawDifferences(a, b) {
  const parts = { setting: 0, result: 1, run: 2, machine: 3 };
  const differing = data.columns
    .filter((column) => column.key !== "id" && String(column.values[a]) !== String(column.values[b]))
    .sort((one, other) => parts[one.part] - parts[other.part]);
  const rows = differing.map((column) => {
    const [one, other] = [column.values[a], column.values[b]];
    const numbers = column.numeric && one !== null && other !== null;
    const scale = column.kind === "fraction" ? 100 : 1;
    const change = numbers ? (other - one) * scale : null;
    const text = numbers ? `${change > 0 ? "+" : ""}${column.kind === "fraction" ? change.toFixed(2) : shownNumber(change)}` : "";
    return [
      { value: column.label, text: labelOf(column) },
      { value: one, text: shown(one, column.kind) },
      { value: other, text: shown(other, column.kind) },
      { value: change, text },
    ];
  });
  drawSortable(
    byId("differences"),
    [{ label: "What" }, { label: "A" }, { label: "B" }, { label: "B less A", numeric: true }],
    rows, null, false,
  );
}

async function drawPredictions(a, b) {
  const set = setOf(a);
  const tables = [byId("agreement"), byId("by-class")];
  if (!set || set !== setOf(b)) {
    byId("predictions-note").textContent =
      "Not comparable: their images differ, of train or test, or one has no predictions.";
    tables.forEach((table) => table.replaceChildren());
    return;
  }
  const [ours, theirs] = [await predictionsOf(a), await predictionsOf(b)];
  const { labels } = set;
  const counts = { both: 0, onlyA: 0, onlyB: 0, sameWrong: 0, otherWrong: 0 };
  const byClass = set.classes.map(() => ({ onlyA: 0, onlyB: 0 }));
  labels.forEach((label, image) => {
    const [hitA, hitB] = [ours[image] === label, theirs[image] === label];
    if (hitA && hitB) counts.both += 1;
    else if (hitA || hitB) {
      counts[hitA ? "onlyA" : "onlyB"] += 1;
      byClass[label][hitA ? "onlyA" : "onlyB"] += 1;
    } else counts[ours[image] === theirs[image] ? "sameWrong" : "otherWrong"] += 1;
  });
  const agreed = (counts.both + counts.sameWrong) / labels.length;
  byId("predictions-note").textContent =
    `They predict the same class for ${(100 * agreed).toFixed(2)}% of ${counted(labels.length, "image")}${sampled(set)}.`;
  drawAgreement(counts, labels.length);
  drawByClass(set, a, b, byClass);
}

const sampled = (set) =>
  set.labels.length < set.images ? `, a sample of ${thousands(set.images)} (recall is of all)` : "";

function drawAgreement(counts, images) {
  const names = {
    both: "both right", onlyA: "only A right", onlyB: "only B right",
    sameWrong: "both wrong, alike", otherWrong: "both wrong, differently",
  };
  const rows = Object.entries(names).map(([key, text]) => [
    { value: text, text },
    { value: counts[key], text: thousands(counts[key]) },
    { value: counts[key], text: ((100 * counts[key]) / images).toFixed(2) },
  ]);
  drawSortable(
    byId("agreement"),
    [{ label: "Images" }, { label: "Number", numeric: true }, { label: "%", numeric: true }], rows, null, false,
  );
}

function drawByClass(set, a, b, byClass) {
  const [hitsA, hitsB] = [a, b].map((run) => set.hits[set.runs.indexOf(run)]);
  const recall = (hits, index) => (set.support[index] ? hits[index] / set.support[index] : null);
  const changes = set.classes.map((_, index) => {
    const [one, other] = [recall(hitsA, index), recall(hitsB, index)];
    return one === null ? null : other - one;
  });
  const most = Math.max(...changes.map((change) => Math.abs(change || 0)));
  const rows = set.classes.map((name, index) => {
    const change = changes[index];
    const [one, other] = [recall(hitsA, index), recall(hitsB, index)];
    return [
      { value: name, text: name },
      { value: set.support[index], text: thousands(set.support[index]) },
      { value: one, text: shownNumber(one, "fraction") },
      { value: other, text: shownNumber(other, "fraction") },
      { value: change, text: change === null ? NONE : `${change > 0 ? "+" : ""}${(100 * change).toFixed(2)}` },
      { value: change, node: () => changeBar(change, most) },
      { value: byClass[index].onlyA, text: String(byClass[index].onlyA) },
      { value: byClass[index].onlyB, text: String(byClass[index].onlyB) },
    ];
  });
  const number = (label) => ({ label, numeric: true });
  const columns = [
    { label: "Class" }, number("Images"), number("Recall A (%)"), number("Recall B (%)"),
    number("B less A"), { label: "Worse | better" }, number("Only A right"), number("Only B right"),
  ];
  drawSortable(byId("by-class"), columns, rows, 4, true);
}

/** To the right where B is better; the largest change of all is half of the track. */
function changeBar(change, most) {
  const width = most ? (50 * Math.abs(change || 0)) / most : 0;
  const place = change > 0 ? 50 : 50 - width;
  const bar = element("span", { class: change > 0 ? "better" : "worse" });
  bar.style.left = `${place}%`;
  bar.style.width = `${width}%`;
  return element("span", { class: "track", "aria-hidden": "true" }, bar);
}

function setUpCompare() {
  const metrics = data.curves.metrics.filter((metric) => metric.key !== "train_secs");
  fillSelect(byId("pair-metric"), metrics.map((metric) => [metric.key, metric.label]), state.metric);
  for (const [id, key] of [["run-a", "a"], ["run-b", "b"], ["pair-metric", "metric"]])
    byId(id).addEventListener("change", (event) => {
      state[key] = event.target.value;
      update();
    });
  byId("swap").addEventListener("click", () => {
    const [a, b] = comparedRuns();
    [state.a, state.b] = [data.ids[b], data.ids[a]];
    update();
  });
}
