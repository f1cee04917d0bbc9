// Elements and texts. Data reach the page as text nodes and attributes only, never as markup.

const byId = (id) => document.getElementById(id);

/** An element; of its attributes, functions are listeners, and false, null are left out. */
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Options for a select: [value, text] pairs, or {label, options} for a group of them. */
function fillSelect(select, entries, chosen) {
  const option = ([value, text]) => element("option", { value }, text);
  select.replaceChildren(
    ...entries.map((entry) =>
      Array.isArray(entry)
        ? option(entry)
        : element("optgroup", { label: entry.label }, ...entry.options.map(option)),
    ),
  );
  select.value = chosen;
}

/** A file for the reader to keep. */
function download(name, content, type) {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const NONE = "–";

const thousands = (whole) => String(whole).replace(/\B(?=(\d{3})+$)/g, ",");

const UNITS = [[1e9, "G"], [1e6, "M"]];

/** A number as tables have it: percent of a fraction, four digits, and millions as 5.817M. */
function shownNumber(value, kind) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  if (kind === "fraction") return (100 * value).toFixed(2);
  for (const [size, letter] of UNITS)
    if (Math.abs(value) >= size) return (value / size).toPrecision(4) + letter;
  if (Math.abs(value) >= 10000) return thousands(Math.round(value));
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}

/** Half of an interval in the unit of its mean, with two digits that count. */
function shownHalf(half, mean, kind) {
  if (kind === "fraction") return (100 * half).toFixed(2);
  const [size, letter] = UNITS.find(([size]) => Math.abs(mean) >= size) || [1, ""];
  const digits = Number((half / size).toPrecision(2));
  return (digits >= 10000 ? thousands(digits) : String(digits)) + letter;
}

function shown(value, kind) {
  if (value === null || value === undefined) return NONE;
  if (Array.isArray(value)) return value.join("; ");
  return typeof value === "number" ? shownNumber(value, kind) : value;
}

const counted = (number, noun) => `${thousands(number)} ${noun}${number === 1 ? "" : "s"}`;
