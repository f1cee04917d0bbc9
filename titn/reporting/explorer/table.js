// The table of runs, or of groups of runs.

const ROWS_AT_ONCE = 250;
let rowsShown = ROWS_AT_ONCE;

function drawTable() {
  const grouped = groupKeys().length > 0;
  const focused = document.activeElement && document.activeElement.dataset.sort;
  if (grouped) drawGroups();
  else drawRuns();
  if (focused) {
    const again = [...document.querySelectorAll("#table [data-sort]")].find((one) => one.dataset.sort === focused);
    if (again) again.focus();
  }
  byId("unselect").disabled = !state.sel.length;
}

/** A header whose button sorts by its column: up, down, and not at all. */
function header(key, label, numeric) {
  const sortedBy = sortKey() === key;
  const down = state.sort.startsWith("-");
  const arrow = sortedBy ? (down ? " ▼" : " ▲") : "";
  const button = element(
    "button", { type: "button", "data-sort": key, click: () => sortBy(key, numeric) }, label + arrow,
  );
  const order = sortedBy ? (down ? "descending" : "ascending") : "none";
  return element("th", { scope: "col", "aria-sort": order, class: numeric && "number" }, button);
}

/** Numbers begin with the largest, texts with the first. */
function sortBy(key, numeric) {
  const orders = numeric ? [`-${key}`, key, ""] : [key, `-${key}`, ""];
  state.sort = orders[(orders.indexOf(state.sort) + 1) % orders.length];
  update();
}

function drawRuns() {
  const columns = chosenColumns();
  const runs = sortedRuns();
  const chosen = new Set(state.sel);
  const head = [
    element("th", { scope: "col" }, element("span", { title: "Selected runs are drawn and compared" }, "Select")),
    ...columns.map((column) => header(column.key, labelOf(column), column.numeric)),
  ];
  const body = runs.slice(0, rowsShown).map((run) => runRow(run, columns, chosen.has(data.ids[run])));
  byId("table").replaceChildren(
    element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body),
  );
  const rest = runs.length - body.length;
  byId("more").hidden = rest <= 0;
  byId("more").textContent = `Show ${rest} more`;
  byId("table-note").textContent = runs.length ? "" : "No run passes the filters.";
}

function runRow(run, columns, isChosen) {
  const box = element("input", {
    type: "checkbox", checked: isChosen, "aria-label": `Select ${nameOfRun(run)}`,
    change: (event) => {
      select(run, event.target.checked);
      event.target.closest("tr").classList.toggle("chosen", event.target.checked);
    },
  });
  const cells = columns.map((column) => {
    const text = shown(column.values[run], column.kind);
    const long = text.length > 40;
    return element("td", { class: column.numeric ? "number" : long && "long" }, text);
  });
  return element("tr", { class: isChosen && "chosen" }, element("td", {}, box), ...cells);
}

function select(run, isChosen) {
  const id = data.ids[run];
  state.sel = isChosen ? [...state.sel, id] : state.sel.filter((one) => one !== id);
  byId("unselect").disabled = !state.sel.length;
  rememberState();
  drawSummary();
}

function drawGroups() {
  const { keys, columns, groups } = sortedGroups();
  const anyMixed = groups.some((group) => group.mixed);
  const anyLeftOut = groups.some((group) => group.leftOut);
  const head = [
    ...keys.map((key) => header(key, labelOf(columnOf(key)), columnOf(key).numeric)),
    header(SIZE, "runs", true),
    anyLeftOut ? element("th", { scope: "col" }, "left out") : null,
    anyMixed ? element("th", { scope: "col" }, "mixes") : null,
    ...columns.map((column) => header(column.key, labelOf(column), column.numeric)),
  ].filter(Boolean);
  const rows = groups.map((group) =>
    element(
      "tr", {},
      ...keys.map((key, place) => element("td", {}, shown(group.values[place], columnOf(key).kind))),
      element("td", { class: "number" }, String(group.runs.length)),
      anyLeftOut ? element("td", {}, group.leftOut) : null,
      anyMixed ? element("td", {}, group.mixed) : null,
      ...group.cells.map((cell, place) => groupTd(cell, columns[place], group.runs.length)),
    ),
  );
  byId("table").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  byId("more").hidden = true;
  byId("table-note").textContent =
    "Mean ± half of the 95% t interval over a group's runs; n where a number is not of all of them." +
    (anyLeftOut ? " Left out of means: runs that stopped early or have no record." : "") +
    (anyMixed ? " Groups that mix data sets, images, classes or splits answer no question: group by what they mix, too, or filter." : "");
}

/** Of how many of a group's runs a number is, where it is not of all. */
const fewerThan = (size, n) => (n && n !== size ? ` (n ${n})` : "");

function groupTd(cell, column, size) {
  if (!cell.summary) return element("td", { class: column.numeric && "number" }, cell.text);
  const { n, mean, half } = cell.summary;
  const spread = half === null ? "" : ` ± ${shownHalf(half, mean, column.kind)}`;
  return element(
    "td", { class: "number" }, shownNumber(mean, column.kind),
    element("span", { class: "spread" }, spread + fewerThan(size, n)),
  );
}

function drawColumnChoice() {
  const chosen = new Set(chosenColumns().map((column) => column.key));
  const box = (column) =>
    element(
      "label", {},
      element("input", { type: "checkbox", value: column.key, checked: chosen.has(column.key), change: chooseColumn }),
      labelOf(column),
    );
  const part = (label, columns) =>
    columns.length ? [element("h3", {}, label), element("div", { class: "choices" }, ...columns.map(box))] : [];
  const of = (name) => data.columns.filter((column) => column.part === name && varies(column));
  byId("column-choice").replaceChildren(
    element("button", { type: "button", class: "quiet", click: usualColumns }, "The usual columns"),
    ...part("Runs", of("run")),
    ...part("Settings", of("setting")),
    ...part("Results", of("result")),
    ...part("Machine and versions", of("machine")),
    ...part("The same in all runs", data.columns.filter((column) => !varies(column))),
  );
}

function usualColumns() {
  state.cols = [];
  drawColumnChoice();
  update();
}

/** In the order of the data, so that results stay beside each other. */
function chooseColumn(event) {
  const chosen = new Set(chosenColumns().map((column) => column.key));
  if (event.target.checked) chosen.add(event.target.value);
  else chosen.delete(event.target.value);
  const before = chosenColumns().map((column) => column.key).filter((key) => chosen.has(key));
  state.cols = [...before, ...[...chosen].filter((key) => !before.includes(key))];
  update();
}

function setUpTable() {
  const groups = data.columns.filter(
    (column) => column.part !== "result" && column.key !== "id" && varies(column),
  );
  fillSelect(byId("group"), [["", "nothing"], ...columnEntries(groups)], state.group);
  fillSelect(byId("group2"), [["", "nothing"], ...columnEntries(groups)], state.group2);
  for (const key of ["group", "group2"])
    byId(key).addEventListener("change", (event) => {
      state[key] = event.target.value;
      update();
    });
  byId("more").addEventListener("click", () => {
    rowsShown = Infinity;
    drawTable();
    byId("table").querySelectorAll("tbody tr")[ROWS_AT_ONCE].querySelector("input").focus();
  });
  byId("unselect").addEventListener("click", () => {
    state.sel = [];
    update();
  });
  document.addEventListener("click", (event) => {
    if (!byId("columns").contains(event.target)) byId("columns").open = false;
  });
  byId("columns").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    byId("columns").open = false;
    byId("columns").querySelector("summary").focus();
  });
}
