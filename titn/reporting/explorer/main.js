// Reads the runs, restores the view of the address, and draws what is seen.

const TABS = { runs: drawTable, scatter: drawScatter, curves: drawCurves, compare: drawCompare, confusion: drawConfusion };
const THEMES = { "": "system", light: "light", dark: "dark" };

/** Draws the tab that is open; the others are drawn when they are opened. */
async function update() {
  rememberState();
  drawSummary();
  byId("clear").disabled = !state.q && !state.filters.length;
  for (const name of Object.keys(TABS)) {
    const open = name === state.tab;
    byId(name).hidden = !open;
    byId(`tab-${name}`).setAttribute("aria-selected", String(open));
    byId(`tab-${name}`).tabIndex = open ? 0 : -1;
  }
  try {
    if (state.tab !== "runs") loadLibrary();
    await TABS[state.tab]();
  } catch (error) {
    complain(error);
  }
}

function drawSummary() {
  const passing = filteredRuns().length;
  const all = counted(data.runs.length, "run");
  const selected = state.sel.length ? `, ${state.sel.length} selected` : "";
  byId("summary").textContent = (passing === data.runs.length ? all : `${passing} of ${all}`) + selected;
}

function complain(error) {
  byId("problem").textContent = `This page could not do that: ${error.message || error}`;
  byId("problem").hidden = false;
  console.error(error);
}

function openTab(name) {
  state.tab = name;
  update();
}

function setUpTabs() {
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => openTab(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -index, End: tabs.length - 1 - index }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const next = tabs[(index + step + tabs.length) % tabs.length];
      openTab(next.dataset.tab);
      next.focus();
    });
  });
}

const darkSystem = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const dark = state.theme ? state.theme === "dark" : darkSystem.matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = `Colours: ${THEMES[state.theme] || THEMES[""]}`;
}

function setUpTheme() {
  const names = Object.keys(THEMES);
  byId("theme").addEventListener("click", () => {
    state.theme = names[(names.indexOf(state.theme) + 1) % names.length];
    applyTheme();
    update();
  });
  darkSystem.addEventListener("change", () => {
    applyTheme();
    update();
  });
}

/** What the address says, in all controls. */
function restore() {
  decodeState(location.hash.slice(1));
  applyTheme();
  drawFilters();
  drawColumnChoice();
  const values = { group: "group", group2: "group2", x: "x", y: "y", colour: "colour", metric: "metric", "curve-x": "cx", "curve-colour": "cc" };
  for (const [id, key] of Object.entries(values)) byId(id).value = state[key];
  byId("log-x").checked = state.logx === "1";
  byId("means").checked = state.means === "1";
  return update();
}

async function start() {
  if (typeof DecompressionStream === "undefined") throw new Error("the browser is too old; take one of 2023 or later");
  await readData();
  settleDefaults();
  for (const setUp of [setUpFilters, setUpTable, setUpScatter, setUpCurves, setUpCompare, setUpConfusion, setUpExports, setUpTabs, setUpTheme]) setUp();
  window.addEventListener("hashchange", restore);
  await restore();
  document.documentElement.dataset.ready = "true";
}

start().catch(complain);
