// The table as it stands: which runs or groups, in which columns, in which order.

const FIRST_COLUMNS = [
  "id", "dataset", "dataset.split", "classes", "model", "teacher", "loss", "epochs", "seed", "top1",
  "balanced_accuracy", "parameters", "macs", "train_secs", "status",
];

/** On which split numbers are is said where they are not all of one: a search's trials are on validation. */
const saysSomething = (column) => column.key !== "dataset.split" || varies(column);

const chosenColumns = () =>
  state.cols.length
    ? state.cols.map(columnOf).filter(Boolean)
    : FIRST_COLUMNS.map(columnOf).filter((column) => column && saysSomething(column));

/** All that a run's row says, in small letters, for the search. */
const searchTexts = [];
function searchText(run) {
  if (searchTexts[run] === undefined)
    searchTexts[run] = data.columns
      .map((column) => column.values[run])
      .filter((value) => value !== null)
      .map((value) => (Array.isArray(value) ? value.join(" ") : String(value)))
      .join("\n")
      .toLowerCase();
  return searchTexts[run];
}

function passes(run, filter) {
  const value = columnOf(filter.key).values[run];
  if (!filter.words)
    return (
      value !== null &&
      (filter.low === null || value >= filter.low) &&
      (filter.high === null || value <= filter.high)
    );
  if (!filter.words.length) return true;
  return Array.isArray(value)
    ? value.some((one) => filter.words.includes(one))
    : filter.words.includes(value);
}

/** The runs that pass the search and all filters, in the order of the page's data. */
function filteredRuns() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  return data.runs.filter(
    (run) =>
      words.every((word) => searchText(run).includes(word)) &&
      state.filters.every((filter) => passes(run, filter)),
  );
}

const SIZE = "#runs"; // the key of a group's size, among keys of columns
const sortKey = () => state.sort.replace(/^-/, "");
const groupKeys = () => [state.group, state.group2].filter(Boolean);

/** Stable, with missing values last in either direction. */
function sorted(items, valueOf) {
  const down = state.sort.startsWith("-") ? -1 : 1;
  return [...items].sort((a, b) => {
    const [x, y] = [valueOf(a), valueOf(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return down * compareValues(x, y);
  });
}

function sortedRuns() {
  const column = columnOf(sortKey());
  const plain = (value) => (Array.isArray(value) ? value.join("; ") : value);
  const runs = filteredRuns();
  return column ? sorted(runs, (run) => plain(column.values[run])) : runs;
}

/** Columns of a table of groups: by what, how many, and of the chosen others mean or value. */
function sortedGroups() {
  const keys = groupKeys();
  const columns = chosenColumns().filter((column) => !keys.includes(column.key) && column.key !== "id");
  const groups = groupsOf(filteredRuns(), keys).map((group) => ({
    ...group,
    mixed: mixedIn(group.runs),
    leftOut: leftOutOf(group.runs),
    cells: columns.map((column) => groupCell(column, group.runs)),
  }));
  const column = sortKey();
  const place = keys.indexOf(column);
  const index = columns.findIndex((one) => one.key === column);
  const valueOf = (group) => {
    if (place >= 0) return group.values[place];
    if (index >= 0) return group.cells[index].sortable;
    return column === SIZE ? group.runs.length : null;
  };
  const first = [...groups].sort(
    (a, b) => compareValues(a.values[0], b.values[0]) || compareValues(a.values[1] ?? null, b.values[1] ?? null),
  );
  return { keys, columns, groups: state.sort ? sorted(first, valueOf) : first };
}

/** A mean with its interval for results; for settings the value, or how many there are. */
function groupCell(column, runs) {
  if (column.numeric && column.part === "result") {
    const summary = summaryOfRuns(runs, column);
    return { summary, sortable: summary.mean };
  }
  const values = runs.map((run) => column.values[run]);
  const different = [...new Set(values.map((value) => shown(value, column.kind)))];
  if (different.length === 1) return { text: different[0], sortable: Array.isArray(values[0]) ? different[0] : values[0] };
  const few = different.length <= 3 && different.join(", ").length <= 24;
  return { text: few ? different.sort(COLLATOR.compare).join(", ") : `${different.length} values`, sortable: null };
}
