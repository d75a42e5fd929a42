// Entry forms: a coded reason takes the place of the value, fields come and go with what they depend
// on, the server checks while somebody types, what is typed is kept as a draft on the server, unsaved
// entries are guarded, one press sends once. Keys: F1 help, Ctrl+S save, Ctrl+Enter the next button.
// Nothing is kept in the browser; without JavaScript the server checks the same.
const form = document.querySelector("form[data-entry]");
const PAUSE = 3000; // ms after the last change until the draft is kept
const CHECK_PAUSE = 200; // ms after a change until the server is asked
const CONTROLS = "input:not([type=hidden]), select, textarea";

function controlsOf(name) {
  return [...form.elements].filter((control) => control.type !== "hidden" && !control.dataset.reasonOf
    && (control.name === name || control.name.startsWith(`${name}.`)));
}

function follow(select) {
  for (const control of controlsOf(select.dataset.reasonOf)) control.disabled = select.value !== "";
}

function valueOf(name) {
  const values = controlsOf(name).filter((control) => !["radio", "checkbox"].includes(control.type) || control.checked).map((control) => control.value.trim());
  return values.filter(Boolean);
}

// Empty fields that are not asked are hidden; one that holds something stays and says so.
function ask(box) {
  const given = valueOf(box.dataset.when);
  const codes = box.dataset.codes ? box.dataset.codes.split("|") : null;
  const isAsked = controlsOf(box.dataset.when).length === 0 || given.some((value) => !codes || codes.includes(value));
  const holds = [...box.querySelectorAll(CONTROLS)].some((control) => (["radio", "checkbox"].includes(control.type) ? control.checked : control.value.trim()));
  box.hidden = !isAsked && !holds;
  note(box, "unasked", !isAsked && holds ? form.dataset.sayUnasked : "", "field-warning");
}

function note(box, kind, text, style) {
  const id = `${box.dataset.box}_${kind}`;
  let line = document.getElementById(id);
  if (!text) line?.remove();
  else if (!line) {
    line = document.createElement("p");
    line.id = id;
    line.className = style;
    const help = box.querySelector(":scope > .help");
    if (help) help.before(line);
    else box.append(line);
  }
  if (text && line.textContent !== text) line.textContent = text;
  for (const control of box.querySelectorAll(CONTROLS)) {
    const ids = new Set((control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    if (text) ids.add(id);
    else ids.delete(id);
    if (ids.size) control.setAttribute("aria-describedby", [...ids].join(" "));
    if (kind === "error" && text) control.setAttribute("aria-invalid", "true");
    else if (kind === "error") control.removeAttribute("aria-invalid");
  }
}

function state() {
  return new URLSearchParams(new FormData(form)).toString();
}

// The answer's text; empty when there was none, or when the page is left meanwhile.
async function send(address, headers, signal) {
  try {
    const answer = await fetch(address, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers, credentials: "same-origin", signal,
    });
    return answer.ok && !answer.redirected ? await answer.text() : "";
  } catch {
    return "";
  }
}

// Asks the server about what stands in the boxes; its answer is put beside those that were touched.
function startChecks(touched) {
  let timer = 0;
  let asking = null;
  const said = form.querySelector("[data-check-status]");

  async function check() {
    asking?.abort();
    asking = new AbortController();
    const answer = await send(form.action, { "X-Registry-Check": "1", Accept: "application/json" }, asking.signal);
    if (!answer) return;
    const { errors, warnings, outputs } = JSON.parse(answer);
    for (const box of form.querySelectorAll("[data-box]")) {
      if (!touched.has(box)) continue;
      note(box, "error", errors[box.dataset.box], "field-error");
      note(box, "warning", warnings[box.dataset.box], "field-warning");
    }
    for (const [id, text] of Object.entries(outputs)) {
      const output = document.getElementById(id);
      if (output) output.textContent = text;
    }
    const found = [...touched].map((box) => errors[box.dataset.box] ?? warnings[box.dataset.box]).filter(Boolean);
    said.textContent = found.join(". ");
  }

  return (event) => {
    const box = event.target.closest("[data-box]");
    if (!box) return;
    touched.add(box);
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_PAUSE);
  };
}

function keys(event) {
  const command = event.ctrlKey || event.metaKey;
  if (event.key === "F1" && event.target.closest?.(".field")) {
    const help = event.target.closest(".field").querySelector("[popover]");
    if (help) event.preventDefault();
    help?.togglePopover();
  } else if (command && (event.key === "s" || event.key === "Enter") && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    const onward = event.key === "Enter" ? form.querySelector(`[data-key="${event.shiftKey ? "next" : "again"}"]`) ?? form.querySelector("[data-key]") : null;
    document.activeElement?.dispatchEvent(new Event("change", { bubbles: true }));
    form.requestSubmit(onward ?? form.querySelector("[data-save]"));
  }
}

if (form) {
  for (const select of form.querySelectorAll("select[data-reason-of]")) {
    follow(select);
    select.addEventListener("change", () => follow(select));
  }
  const conditional = [...form.querySelectorAll("[data-when]")];
  const askAll = () => conditional.forEach(ask);
  askAll();
  for (const help of form.querySelectorAll(".help")) help.tabIndex = -1; // F1 opens it
  const before = state();
  // After a refusal what was typed is still unsaved; what came from a draft is one.
  const refused = document.querySelector(".error-summary, [role=alert]") !== null || form.dataset.entry === "unsaved";
  const status = form.querySelector("[data-draft-status]");
  let kept = refused ? null : before;
  let sent = false;
  let timer = 0;

  const isDirty = () => !sent && state() !== kept;

  async function keepDraft(byItself = false) {
    clearTimeout(timer);
    if (!form.dataset.draft || !isDirty()) return "";
    const typed = state();
    const headers = byItself ? { Accept: "text/plain", "X-Registry-Background": "1" } : { Accept: "text/plain" };
    const said = await send(form.dataset.draft, headers);
    if (said) kept = typed;
    status.textContent = said || form.dataset.sayUnsaved;
    if (said && !byItself) document.dispatchEvent(new CustomEvent("registry:active"));
    return status.textContent;
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    if (form.dataset.draft) timer = setTimeout(keepDraft, PAUSE);
  });
  form.addEventListener("change", askAll);
  if (form.dataset.checked !== undefined) {
    const touched = new Set([...form.querySelectorAll("[data-box]")].filter((box) => box.querySelector(".field-error")));
    form.addEventListener("change", startChecks(touched));
  }
  document.addEventListener("registry:ending", (event) => {
    if (form.dataset.draft) event.detail.work.push(keepDraft(true));
    else if (isDirty()) event.detail.work.push(form.dataset.sayUnkept);
  });
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
    clearTimeout(timer);
  });
  window.addEventListener("pageshow", () => { sent = false; });
  window.addEventListener("beforeunload", (event) => {
    if (isDirty()) event.preventDefault();
  });
  document.addEventListener("keydown", keys);
  document.querySelector(".error-summary, [role=alert]")?.focus();
}
