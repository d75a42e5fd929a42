// The page of an import while the worker is busy with it: asks how it stands, shows how far it is, and
// loads the page anew when the step is done. Without JavaScript the page does so by itself.
const PAUSE = 1000; // ms between two questions
const region = document.getElementById("import-progress");

async function ask() {
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok || answer.redirected) return answer.status >= 500 ? undefined : null;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.getElementById("import-progress");
  } catch {
    return undefined; // the network or the server pauses: ask again
  }
}

async function wait() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (document.hidden) continue;
    const fresh = await ask();
    if (fresh === null) return location.reload();
    if (fresh && fresh.textContent !== region.textContent) region.replaceChildren(...fresh.childNodes);
  }
}

if (region) wait();
