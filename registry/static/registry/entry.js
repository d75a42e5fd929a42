// Entry forms: a coded reason takes the place of the value, what is typed is kept as a draft on the
// server, unsaved entries are guarded, one press sends once.
// Nothing is kept in the browser; without JavaScript the server checks the same.
const form = document.querySelector("form[data-entry]");
const PAUSE = 3000; // ms after the last change until the draft is kept

function valuesBeside(select) {
  return [...form.elements].filter((control) => control.name === select.dataset.reasonOf && control.type !== "hidden");
}

function follow(select) {
  for (const control of valuesBeside(select)) control.disabled = select.value !== "";
}

function state() {
  return new URLSearchParams(new FormData(form)).toString();
}

// Keeps what stands in the boxes. `byItself`: the page did it, not a person.
async function sendDraft(byItself) {
  const headers = { Accept: "text/plain" };
  if (byItself) headers["X-Registry-Background"] = "1";
  try {
    const answer = await fetch(form.dataset.draft, {
      method: "POST", body: new URLSearchParams(new FormData(form)), headers, credentials: "same-origin",
    });
    return answer.ok && !answer.redirected ? await answer.text() : "";
  } catch {
    return "";
  }
}

if (form) {
  for (const select of form.querySelectorAll("select[data-reason-of]")) {
    follow(select);
    select.addEventListener("change", () => follow(select));
  }
  const before = state();
  // After a refusal what was typed is still unsaved; what came from a draft is one.
  const refused = document.querySelector(".error-summary, [role=alert]") !== null;
  const status = form.querySelector("[data-draft-status]");
  let kept = refused ? null : before;
  let sent = false;
  let timer = 0;

  const isDirty = () => !sent && state() !== kept;

  async function keepDraft(byItself = false) {
    clearTimeout(timer);
    if (!form.dataset.draft || !isDirty()) return "";
    const typed = state();
    const said = await sendDraft(byItself);
    if (said) kept = typed;
    status.textContent = said || "The draft could not be saved. What you typed is only on this page.";
    if (said && !byItself) document.dispatchEvent(new CustomEvent("registry:active"));
    return status.textContent;
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    if (form.dataset.draft) timer = setTimeout(keepDraft, PAUSE);
  });
  document.addEventListener("registry:ending", (event) => {
    if (form.dataset.draft) event.detail.work.push(keepDraft(true));
    else if (isDirty()) event.detail.work.push("What you typed on this page is not kept as a draft.");
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
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  document.querySelector(".error-summary, [role=alert]")?.focus();
}
