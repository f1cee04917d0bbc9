// Downloads: the table as CSV and LaTeX, a plot as PNG.

/** The table as it stands: {columns, rows}, a row's cells {values, text}; a group's number is four values. */
function tableContents() {
  if (!groupKeys().length) {
    const columns = chosenColumns();
    return {
      columns: columns.map((column) => ({ key: column.key, label: labelOf(column), numeric: column.numeric })),
      rows: sortedRuns().map((run) =>
        columns.map((column) => ({ values: [plainText(column.values[run])], text: shown(column.values[run], column.kind) }))),
    };
  }
  const { keys, columns, groups } = sortedGroups();
  const anyLeftOut = groups.some((group) => group.leftOut);
  const anyMixed = groups.some((group) => group.mixed);
  return {
    columns: [
      ...keys.map((key) => ({ key, label: labelOf(columnOf(key)), numeric: false })),
      { key: "runs", label: "runs", numeric: true },
      ...(anyLeftOut ? [{ key: "left_out", label: "left out", numeric: false }] : []),
      ...(anyMixed ? [{ key: "mixes", label: "mixes", numeric: false }] : []),
      ...columns.map((column) => ({
        key: column.key, label: labelOf(column), numeric: column.numeric,
        parts: column.numeric && column.part === "result" ? ["mean", "low", "high", "n"] : null,
      })),
    ],
    rows: groups.map((group) => [
      ...keys.map((key, place) => ({ values: [plainText(group.values[place])], text: shown(group.values[place], columnOf(key).kind) })),
      { values: [group.runs.length], text: String(group.runs.length) },
      ...(anyLeftOut ? [{ values: [group.leftOut || null], text: group.leftOut }] : []),
      ...(anyMixed ? [{ values: [group.mixed || null], text: group.mixed }] : []),
      ...group.cells.map((cell, place) => groupContents(cell, columns[place], group.runs.length)),
    ]),
  };
}

const plainText = (value) => (Array.isArray(value) ? value.join("; ") : value);

function groupContents(cell, column, size) {
  if (!cell.summary) {
    const value = typeof cell.sortable === "number" ? cell.sortable : cell.text;
    return { values: [cell.text === NONE ? null : value], text: cell.text };
  }
  const { n, mean, half } = cell.summary;
  const known = half !== null;
  return {
    values: [mean, known ? mean - half : null, known ? mean + half : null, n],
    text: shownNumber(mean, column.kind), half: known ? shownHalf(half, mean, column.kind) : null,
    fewer: fewerThan(size, n),
  };
}

/** Numbers as computed, fractions as fractions. A text that a spreadsheet would compute is quoted by '. */
function csvText() {
  const { columns, rows } = tableContents();
  const field = (value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(Number(value.toPrecision(10)));
    const inert = /^\s*[=+\-@]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
  };
  const heads = columns.flatMap(({ key, parts }) => (parts ? parts.map((part) => `${key}_${part}`) : [key]));
  const lines = rows.map((row) => row.flatMap((cell) => cell.values).map(field).join(","));
  return [heads.map(field).join(","), ...lines].join("\n") + "\n";
}

const LATEX = {
  "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", $: "\\$", "#": "\\#", _: "\\_", "{": "\\{", "}": "\\}",
  "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "–": "--", "<": "\\textless{}", ">": "\\textgreater{}",
};
const latexEscaped = (text) => String(text).replace(/[\\&%$#_{}~^–<>]/g, (letter) => LATEX[letter]).replace(/\s+/g, " ");

function latexText() {
  const { columns, rows } = tableContents();
  const cell = ({ text, half, fewer = "" }) =>
    (half ? `$${text} \\pm ${half}$`.replaceAll(",", "{,}") : latexEscaped(text)) + fewer;
  const line = (cells) => `${cells.join(" & ")} \\\\`;
  return [
    "% \\usepackage{booktabs}",
    `\\begin{tabular}{${columns.map((column) => (column.numeric ? "r" : "l")).join("")}}`,
    "\\toprule",
    line(columns.map((column) => latexEscaped(column.label))),
    "\\midrule",
    ...rows.map((row) => line(row.map(cell))),
    "\\bottomrule",
    "\\end{tabular}",
    "",
  ].join("\n");
}

/** The plot with its legend below it: a figure in a paper has no buttons. */
function pngOf(id) {
  const { view, legend } = drawn.get(id);
  const plot = figureView(view).export("png", true).canvas;
  const ratio = window.devicePixelRatio || 1;
  const size = 14 * ratio;
  const canvas = element("canvas", {});
  const pen = canvas.getContext("2d");
  pen.font = `${size}px sans-serif`;
  const places = placed(legend.filter(({ renderers }) => !renderers.length || renderers[0].visible), pen, plot.width, size);
  canvas.width = plot.width;
  canvas.height = plot.height + (places.length ? places.at(-1).y + 1.5 * size : 0);
  pen.fillStyle = themeColour("paper");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(plot, 0, 0);
  pen.font = `${size}px sans-serif`;
  pen.textBaseline = "middle";
  for (const { x, y, entry } of places) {
    pen.save();
    pen.translate(x, plot.height + y);
    drawSwatch(pen, entry, ratio);
    pen.restore();
    pen.fillStyle = themeColour("ink");
    pen.fillText(entry.label, x + 30 * ratio, plot.height + y + 6 * ratio);
  }
  return canvas;
}

const figureView = (view) => (view.export ? view : [...view][0]);

/** Entries in lines that are no wider than the plot. */
function placed(legend, pen, width, size) {
  const places = [];
  let [x, y] = [size, size / 2];
  for (const entry of legend) {
    const needed = pen.measureText(entry.label).width + 4 * size;
    if (x > size && x + needed > width) [x, y] = [size, y + 1.5 * size];
    places.push({ x, y, entry });
    x += needed;
  }
  return places;
}

function drawSwatch(pen, entry, ratio) {
  pen.scale(ratio, ratio);
  if (entry.kind === "line") {
    pen.strokeStyle = entry.style.colour;
    pen.lineWidth = 2.5;
    pen.setLineDash(entry.style.dash === "solid" ? [] : entry.style.dash);
    pen.beginPath();
    pen.moveTo(0, 6);
    pen.lineTo(24, 6);
    pen.stroke();
  } else {
    pen.fillStyle = entry.style.colour;
    pen.fill(new Path2D(MARKER_PATHS[entry.style.marker]));
  }
}

function setUpExports() {
  byId("csv").addEventListener("click", () => download("runs.csv", csvText(), "text/csv;charset=utf-8"));
  byId("latex").addEventListener("click", () => download("runs.tex", latexText(), "text/x-tex;charset=utf-8"));
  for (const name of ["scatter", "curves", "pair", "confusion"])
    byId(`${name}-png`).addEventListener("click", () => {
      if (drawn.has(`${name}-plot`)) pngOf(`${name}-plot`).toBlob((blob) => download(`${name}.png`, blob));
    });
}
