// Ctrl+K opens "Go to a record" over the page. The link in the header leads to the same as a page,
// which is also what happens when the box cannot be fetched.
const link = document.querySelector("[data-switch]");
let box = null;

function build(html) {
  box = document.createElement("dialog");
  box.className = "panel switch";
  box.setAttribute("aria-label", link.dataset.switch);
  box.innerHTML = html; // from this server, escaped there
  box.addEventListener("close", () => { box.remove(); box = null; });
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  document.body.append(box);
  box.showModal();
  box.querySelector("input[name=text]").focus();
}

async function open() {
  if (box) return;
  try {
    const answer = await fetch(`${link.href}?part=1`, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok || answer.redirected) throw new Error("no box");
    const html = await answer.text();
    if (!box && !document.querySelector("dialog[open]")) build(html);
  } catch {
    location.assign(link.href);
  }
}

if (link) {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
}
