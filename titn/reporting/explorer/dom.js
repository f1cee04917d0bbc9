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

const thousands = (digits) => String(digits).replace(/\B(?=(\d{3})+$)/g, ",");

/** A number as tables have it: percent of a fraction, four digits, large ones with commas. */
function shownNumber(value, kind) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  if (kind === "fraction") return (100 * value).toFixed(2);
  if (Number.isInteger(value)) return Math.abs(value) < 10000 ? String(value) : thousands(value);
  if (Math.abs(value) >= 10000) return thousands(Math.round(value));
  return String(Number(value.toPrecision(4)));
}

function shown(value, kind) {
  if (value === null || value === undefined) return NONE;
  if (Array.isArray(value)) return value.join("; ");
  return typeof value === "number" ? shownNumber(value, kind) : value;
}

const counted = (number, noun) => `${thousands(number)} ${noun}${number === 1 ? "" : "s"}`;
