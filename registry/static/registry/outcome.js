// The record page while its outcome is recomputed: asks for the new one and puts it in place.
// Without JavaScript the page says so and offers a reload.
const FIRST = 120; // ms: most outcomes are there by then
const PAUSE = 300; // ms between two questions
const PATIENCE = 60_000; // ms until it gives up
const region = document.getElementById("record-outcome");

async function ask() {
  try {
    const answer = await fetch(region.dataset.poll, { credentials: "same-origin", cache: "no-store" });
    if (answer.status === 200 && !answer.redirected) return await answer.text();
    return answer.status === 204 || answer.status >= 500 ? "" : null;
  } catch {
    return ""; // the network or the server pauses: ask again
  }
}

function replace(html) {
  const received = new DOMParser().parseFromString(html, "text/html");
  document.getElementById("record-status").replaceWith(received.getElementById("record-status"));
  const fresh = received.getElementById("record-outcome");
  region.replaceChildren(...fresh.childNodes);
  region.removeAttribute("aria-busy");
}

function giveUp() {
  region.removeAttribute("aria-busy");
  const note = region.querySelector("[data-waiting]");
  if (note) note.textContent = note.dataset.sayLong;
}

async function wait() {
  const end = Date.now() + PATIENCE;
  for (let pause = FIRST; Date.now() < end; pause = PAUSE) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (document.hidden) continue;
    const html = await ask();
    if (html) return replace(html);
    if (html === null) break;
  }
  giveUp();
}

if (region?.dataset.poll) wait();
