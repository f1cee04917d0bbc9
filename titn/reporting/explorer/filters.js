// The search and the filters by the values of settings.

/** Columns as a select's groups of options. */
function columnEntries(columns) {
  const parts = [
    ["setting", "Settings"], ["result", "Results"], ["run", "Runs"], ["machine", "Machine and versions"],
  ];
  return parts
    .map(([part, label]) => ({
      label,
      options: columns
        .filter((column) => column.part === part)
        .map((column) => [column.key, labelOf(column)]),
    }))
    .filter((group) => group.options.length);
}

const filterable = () =>
  data.columns.filter(
    (column) => varies(column) && (column.numeric || wordsOf(column).length <= 400) && column.key !== "id",
  );

function drawFilters() {
  if (byId("search").value !== state.q) byId("search").value = state.q;
  const left = filterable().filter((column) => !state.filters.some((one) => one.key === column.key));
  fillSelect(byId("add-filter"), [["", "add a setting …"], ...columnEntries(left)], "");
  byId("active-filters").replaceChildren(...state.filters.map(filterBox));
  byId("clear").disabled = !state.q && !state.filters.length;
}

function filterBox(filter) {
  const column = columnOf(filter.key);
  const remove = element(
    "button",
    {
      type: "button", "aria-label": `Remove the filter by ${labelOf(column)}`,
      click: () => {
        state.filters = state.filters.filter((one) => one !== filter);
        drawFilters();
        byId("add-filter").focus();
        update();
      },
    },
    "Remove",
  );
  const inside = filter.words ? wordBoxes(filter, column) : rangeInputs(filter, column);
  return element(
    "fieldset", { "data-key": filter.key },
    element("legend", {}, labelOf(column), " ", remove),
    element("div", { class: "values" }, ...inside),
  );
}

function wordBoxes(filter, column) {
  return wordsOf(column).map((word) =>
    element(
      "label", {},
      element("input", {
        type: "checkbox", checked: filter.words.includes(word),
        change: (event) => {
          filter.words = event.target.checked
            ? [...filter.words, word]
            : filter.words.filter((one) => one !== word);
          update();
        },
      }),
      shown(word, column.kind),
    ),
  );
}

function rangeInputs(filter, column) {
  const scale = column.kind === "fraction" ? 100 : 1;
  return [["low", "from"], ["high", "to"]].map(([end, text]) =>
    element(
      "label", {}, text,
      element("input", {
        type: "number", step: "any", "aria-label": `${labelOf(column)} ${text}`,
        value: filter[end] === null ? "" : Number((filter[end] * scale).toPrecision(10)),
        input: (event) => {
          filter[end] = event.target.value === "" ? null : Number(event.target.value) / scale;
          update();
        },
      }),
    ),
  );
}

function addFilter(key) {
  const column = columnOf(key);
  const byRange = column.numeric && wordsOf(column).length > 12;
  state.filters.push(byRange ? { key, low: null, high: null } : { key, words: [] });
  drawFilters();
  byId("active-filters").lastChild.querySelector("input").focus();
  update();
}

function setUpFilters() {
  byId("search").addEventListener("input", (event) => {
    state.q = event.target.value;
    update();
  });
  byId("add-filter").addEventListener("change", (event) => event.target.value && addFilter(event.target.value));
  byId("clear").addEventListener("click", () => {
    state.q = "";
    state.filters = [];
    drawFilters();
    byId("search").focus();
    update();
  });
}
