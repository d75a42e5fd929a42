// The grid of courses and cycles: arrows and Enter move, Ctrl+D repeats the cell above, Ctrl+Shift+D the
// whole cycle above, a pasted block is shown before it is put in. The server does the same by buttons.
const dialog = document.getElementById("paste-preview");
const grids = [...document.querySelectorAll("[data-grid]")];

function rowsOf(grid) {
  return [...grid.tBodies[0].rows].map((row) => [...row.querySelectorAll("td[data-box] > input")]);
}

function placeOf(cell) {
  const rows = rowsOf(cell.closest("[data-grid]"));
  const row = rows.findIndex((cells) => cells.includes(cell));
  return { rows, row, column: rows[row].indexOf(cell) };
}

function go(cell) {
  cell?.focus();
  cell?.select();
}

function put(cell, text) {
  if (cell.value === text) return;
  cell.value = text;
  cell.dispatchEvent(new Event("input", { bubbles: true }));
  cell.dispatchEvent(new Event("change", { bubbles: true }));
}

function copyAbove({ rows, row }) {
  rows[row].forEach((cell, column) => {
    if (cell.parentElement.dataset.kind !== "partial_date" && !cell.value && rows[row - 1]) put(cell, rows[row - 1][column].value);
  });
}

function move(event) {
  const cell = event.target;
  const { rows, row, column } = placeOf(cell);
  const atStart = cell.selectionEnd === 0 || cell.selectionEnd - cell.selectionStart === cell.value.length;
  const atEnd = cell.selectionStart === cell.value.length || cell.selectionEnd - cell.selectionStart === cell.value.length;
  const command = event.ctrlKey || event.metaKey;
  let target = null;
  if (command && event.key.toLowerCase() === "d") {
    if (event.shiftKey) copyAbove({ rows, row });
    else if (rows[row - 1]) put(cell, rows[row - 1][column].value);
  } else if (command || event.altKey) return;
  else if (event.key === "Enter" || event.key === "ArrowDown") target = rows[row + (event.shiftKey ? -1 : 1)]?.[column];
  else if (event.key === "ArrowUp") target = rows[row - 1]?.[column];
  else if (event.key === "ArrowLeft" && atStart) target = rows[row][column - 1];
  else if (event.key === "ArrowRight" && atEnd) target = rows[row][column + 1];
  else if (event.key === "F1") cell.closest("table").querySelector(`#${CSS.escape(cell.getAttribute("aria-describedby").split(" ")[0])}`).togglePopover();
  else return;
  event.preventDefault();
  go(target);
}

// [cell, text] of each pasted cell that has a place and differs.
function spread(cell, text) {
  const { rows, row, column } = placeOf(cell);
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/).map((line) => line.split("\t"));
  const lost = lines.some((line, down) => line.some((_, right) => !rows[row + down]?.[column + right]));
  const pairs = lines.flatMap((line, down) => line.map((value, right) => [rows[row + down]?.[column + right], value.trim()]));
  return { pairs: pairs.filter(([target, value]) => target && target.value !== value), lost };
}

function preview(cell, pairs, lost) {
  const body = dialog.querySelector("tbody");
  body.replaceChildren(...pairs.map(([target, value]) => {
    const line = document.createElement("tr");
    for (const text of [target.getAttribute("aria-label"), target.value || dialog.dataset.sayEmpty, value || dialog.dataset.sayEmpty]) line.insertCell().textContent = text;
    return line;
  }));
  if (lost) body.insertRow().insertCell().textContent = dialog.dataset.sayLost;
  dialog.onclick = (event) => {
    const answer = event.target.dataset.paste;
    if (!answer) return;
    dialog.close();
    if (answer === "yes") for (const [target, value] of pairs) put(target, value);
  };
  dialog.onclose = () => go(cell);
  dialog.showModal();
}

for (const grid of grids) {
  grid.addEventListener("keydown", (event) => {
    if (event.target.matches("td[data-box] > input")) move(event);
  });
  grid.addEventListener("focusin", (event) => {
    if (event.target.matches("td[data-box] > input")) event.target.select();
  });
  grid.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=copy]");
    if (!button) return;
    event.preventDefault();
    copyAbove(placeOf(button.closest("tr").querySelector("td[data-box] > input")));
  });
  grid.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text") ?? "";
    if (!event.target.matches("td[data-box] > input") || !/[\t\n]/.test(text.trim())) return;
    event.preventDefault();
    const { pairs, lost } = spread(event.target, text);
    if (pairs.length || lost) preview(event.target, pairs, lost);
  });
}
for (const copy of document.querySelectorAll("button[name=copy]")) copy.tabIndex = -1; // Ctrl+Shift+D
