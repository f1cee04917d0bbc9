// Means of groups of runs, with 95% t intervals over the runs.

/** Whether a run is of all epochs that were asked for: only such a run is in a mean. */
const isWhole = (run) => columnOf("status").values[run] === "recorded";

/** What has become of the other runs: "2 stopped early, 1 diverged"; empty without any. */
function leftOutOf(runs) {
  const states = runs.filter((run) => !isWhole(run)).map((run) => columnOf("status").values[run]);
  return [...new Set(states)]
    .sort(compareValues)
    .map((state) => `${states.filter((other) => other === state).length} ${state}`)
    .join(", ");
}

/** `summaryOf` the numbers that a group's whole runs have in a column. */
const summaryOfRuns = (runs, column) => summaryOf(runs.filter(isWhole).map((run) => column.values[run]));

/** {n, mean, half}: half of the interval is null for n < 2, and where all runs have one value. */
function summaryOf(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  const n = known.length;
  if (!n) return { n, mean: null, half: null };
  const mean = known.reduce((sum, value) => sum + value, 0) / n;
  const spread = known.some((value) => value !== known[0]);
  if (n < 2 || !spread) return { n, mean: spread ? mean : known[0], half: null };
  const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const quantile = data.t[Math.min(n - 1, data.t.length) - 1];
  return { n, mean, half: quantile * Math.sqrt(squares / (n - 1) / n) };
}

/** Runs with the same values of the keys; a run with a list of values is in a group for each. */
function groupsOf(runs, keys) {
  const found = new Map();
  for (const run of runs) {
    let combined = [[]];
    for (const key of keys) {
      const value = columnOf(key).values[run];
      const each = Array.isArray(value) ? value : [value];
      combined = combined.flatMap((before) => each.map((one) => [...before, one]));
    }
    for (const values of combined) {
      const name = JSON.stringify(values);
      if (!found.has(name)) found.set(name, { values, runs: [] });
      found.get(name).runs.push(run);
    }
  }
  return [...found.values()];
}

// What makes numbers of two runs no answer to one question.
const INCOMPARABLE = ["dataset", "images", "classes", "dataset.split"];

/** What a group mixes of data sets, images, classes and splits, by name; empty if it mixes none. */
function mixedIn(runs) {
  return INCOMPARABLE.map(columnOf)
    .filter(Boolean)
    .map((column) => [column, [...new Set(runs.map((run) => column.values[run]).filter((value) => value !== null))].sort(compareValues)])
    .filter(([, values]) => values.length > 1)
    .map(([column, values]) => `${labelOf(column)}: ${values.join(", ")}`)
    .join("; ");
}
