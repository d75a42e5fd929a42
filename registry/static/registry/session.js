// Warns before the session ends, and leaves the page when it has. The server decides: it is asked
// before every step, since another window may have kept the session. Nothing is kept in the browser.
const box = document.getElementById("session-warning");
const BACKGROUND = { "X-Registry-Background": "1" }; // no sign of a person
const MINUTE = 60;
let timer = 0;

function after(seconds, act) {
  clearTimeout(timer);
  // Longer waits than a timer takes are taken in parts.
  timer = setTimeout(act, Math.min(Math.max(seconds, 1), 1_000_000) * 1000);
}

// Seconds left as {idle, absolute}; null when the session is over, undefined when nobody answers.
async function ask(options) {
  try {
    const answer = await fetch(box.dataset.state, { credentials: "same-origin", cache: "no-store", ...options });
    if (answer.ok && !answer.redirected) return await answer.json();
    return answer.redirected || answer.status === 403 ? null : undefined;
  } catch {
    return undefined;
  }
}

function words(seconds) {
  const minutes = Math.ceil(seconds / MINUTE);
  const { sayMinute, sayMinutes } = box.querySelector("[data-left]").dataset;
  return seconds <= MINUTE ? sayMinute : sayMinutes.replace("{n}", minutes);
}

// A form of the page may keep its draft; it pushes promises of a sentence about that.
async function keepDrafts() {
  const detail = { work: [] };
  document.dispatchEvent(new CustomEvent("registry:ending", { detail }));
  const said = await Promise.all(detail.work);
  box.querySelector("[data-draft-note]").textContent = said.filter(Boolean).join(" ");
}

function leave() {
  const here = location.pathname + location.search;
  location.assign(`${box.dataset.signIn}?${new URLSearchParams({ next: here })}`);
}

async function look() {
  const left = await ask({ headers: BACKGROUND });
  if (left === null) return leave();
  if (left === undefined) return after(15, look);
  const seconds = Math.min(left.idle, left.absolute);
  if (seconds > Number(box.dataset.warn)) {
    box.close();
    return after(seconds - Number(box.dataset.warn), look);
  }
  warn(left, seconds);
}

function warn(left, seconds) {
  const final = left.absolute <= left.idle;
  box.querySelector("[data-left]").textContent = words(seconds);
  box.querySelector("[data-final]").hidden = !final;
  box.querySelector("[data-keep]").hidden = final;
  box.querySelector("[data-close]").hidden = !final;
  if (!box.open) {
    box.showModal();
    keepDrafts();
  }
  // At each full minute, then at the end.
  after(seconds > MINUTE ? seconds - MINUTE : seconds + 1, look);
}

async function keep(event) {
  event.preventDefault();
  const left = await ask({ method: "POST", body: new URLSearchParams(new FormData(box.querySelector("form"))) });
  if (left) box.close();
  look();
}

if (box) {
  box.querySelector("form").addEventListener("submit", keep);
  box.querySelector("[data-close]").addEventListener("click", () => box.close());
  // Whoever dismisses the warning is there.
  box.addEventListener("cancel", (event) => (box.querySelector("[data-keep]").hidden ? undefined : keep(event)));
  document.addEventListener("registry:active", () => after(Number(box.dataset.idle) - Number(box.dataset.warn), look));
  // A page taken from the browser's memory of pages, or a machine that slept.
  window.addEventListener("pageshow", (event) => { if (event.persisted) look(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  after(Number(box.dataset.seconds) - Number(box.dataset.warn), look);
}
