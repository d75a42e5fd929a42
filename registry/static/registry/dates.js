// Three boxes of a date take a whole one in any of them: 2019-03-24, 24/3/2019, 24-Mar-2019, 3/2019 or 2019.
// Day before month, always. The server reads the same by itself (patients/forms/dates.py).
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const GAP = "[-/. ,]+";
const YEAR_FIRST = new RegExp(`^(\\d{4})(?:${GAP}(\\d{1,2})(?:${GAP}(\\d{1,2}))?)?$`);
const DAY_FIRST = new RegExp(`^(?:(\\d{1,2})${GAP})?(\\d{1,2}|[A-Za-z]{3,9})${GAP}(\\d{4})$`);

function monthName(text) {
  if (!text) return "";
  const number = /^\d/.test(text) ? Number(text) : 1 + MONTHS.findIndex((name) => name.toLowerCase() === text.slice(0, 3).toLowerCase());
  return MONTHS[number - 1] ?? null;
}

// The three texts of a whole date; null when the text is none.
export function splitDate(text) {
  const first = text.trim().match(YEAR_FIRST);
  const found = first ? [first[3], first[2], first[1]] : text.trim().match(DAY_FIRST)?.slice(1);
  const month = found && monthName(found[1]);
  return found && month !== null ? [found[0] ? String(Number(found[0])) : "", month, found[2]] : null;
}

function spread(boxes, box, text) {
  const parts = splitDate(text);
  if (!parts || (box === boxes[2] && text.trim().length === 4)) return false;
  boxes.forEach((each, place) => { each.value = parts[place]; });
  boxes[0].dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

for (const group of document.querySelectorAll("[data-date]")) {
  const boxes = [...group.querySelectorAll("input")];
  for (const box of boxes) {
    spread(boxes, box, box.value);
    box.addEventListener("change", () => {
      if (!spread(boxes, box, box.value) && box === boxes[1]) box.value = monthName(box.value) ?? box.value;
    });
    box.addEventListener("keydown", (event) => {
      // On from the year, not through boxes that are full already.
      if (event.key === "Tab" && !event.shiftKey && box !== boxes[2] && spread(boxes, box, box.value)) boxes[2].focus();
    });
    box.addEventListener("paste", (event) => {
      if (!spread(boxes, box, event.clipboardData?.getData("text") ?? "")) return;
      event.preventDefault();
      boxes[2].focus();
    });
  }
}
