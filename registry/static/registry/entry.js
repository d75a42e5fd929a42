// Entry forms: a coded reason takes the place of the value, unsaved entries are guarded, one press sends once.
// Nothing is kept in the browser; without JavaScript the server checks the same.
const form = document.querySelector("form[data-entry]");

function valuesBeside(select) {
  return [...form.elements].filter((control) => control.name === select.dataset.reasonOf && control.type !== "hidden");
}

function follow(select) {
  for (const control of valuesBeside(select)) control.disabled = select.value !== "";
}

function state() {
  return new URLSearchParams(new FormData(form)).toString();
}

if (form) {
  for (const select of form.querySelectorAll("select[data-reason-of]")) {
    follow(select);
    select.addEventListener("change", () => follow(select));
  }
  // After a refusal what was typed is still unsaved.
  const refused = document.querySelector(".error-summary, [role=alert]") !== null;
  const before = state();
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });
  window.addEventListener("beforeunload", (event) => {
    if (!sent && (refused || state() !== before)) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  document.querySelector(".error-summary, [role=alert]")?.focus();
}
