// Passkeys. A form with data-passkey="get" or "create" has a button and a hidden field `credential`:
// the button asks the browser, the answer goes into the field, and the form is sent as any other.
// Options are in data-options, or at data-options-from; what it says, in data-say-. Where the browser has no passkeys, forms
// that only serve them stay hidden.

const CEREMONIES = {
  get: (options) => navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey),
  }),
  create: (options) => navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey),
  }),
};

async function optionsOf(form) {
  if (form.dataset.options) return JSON.parse(form.dataset.options);
  const answer = await fetch(form.dataset.optionsFrom, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function ask(form) {
  const said = form.querySelector("[role=status]");
  said.textContent = "";
  try {
    const credential = await CEREMONIES[form.dataset.passkey](await optionsOf(form));
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  } catch (error) {
    // The browser says little on purpose: refused, timed out and unknown look alike.
    said.textContent = error.name === "InvalidStateError"
      ? form.dataset.sayKnown
      : form.dataset.sayNone;
  }
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.querySelector("button").addEventListener("click", () => ask(form));
    form.addEventListener("submit", (event) => { event.preventDefault(); ask(form); });
  }
}
