// What scripts add to the pages: copying, and focus where the answer appears. Everything works without them.
"use strict";

const PLACES = "#answer, #reproduction"; // where what the server answers to a form appears; a page has one of them

function reveal(root) {
  if (!navigator.clipboard) return; // Browsers copy on secure origins only.
  for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.dataset.full || source.textContent);
  const text = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = text; }, 1500);
});

// A picture that is chosen is shown before it is sent; as data, since that is all that the pages may load.
const SHOWN = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"];
document.addEventListener("change", (event) => {
  if (event.target.type !== "file") return;
  const field = event.target.closest(".field");
  const forget = () => field.querySelector("img.chosen")?.remove();
  forget();
  const [file] = event.target.files;
  if (!file || !SHOWN.includes(file.type)) return;
  const reader = new FileReader();
  reader.onload = () => {
    if (event.target.files[0] !== file) return; // Another one was chosen while this one was read.
    forget();
    const picture = document.createElement("img");
    picture.className = "chosen";
    picture.alt = "The file that is chosen";
    picture.src = reader.result;
    event.target.after(picture);
  };
  reader.readAsDataURL(file);
});

// The page's answer to a failure that the form cannot show: its sentence stands where the answer would.
document.addEventListener("htmx:responseError", (event) => {
  const answered = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  tell(answered.querySelector("#answer .alert p, main h1 + p")?.textContent || "The server could not answer.");
});
document.addEventListener("htmx:sendError", () => tell("The server cannot be reached."));

function tell(sentence) {
  const answer = document.querySelector(PLACES);
  if (!answer) return;
  const told = document.createElement("p");
  told.className = "alert";
  told.textContent = sentence;
  const title = answer.querySelector("h2");
  answer.replaceChildren(title, told);
  title.focus();
}

document.addEventListener("htmx:beforeRequest", (event) => {
  event.target.querySelector("button[type=submit]")?.setAttribute("aria-busy", "true");
});
document.addEventListener("htmx:afterRequest", (event) => {
  event.target.querySelector("button[type=submit]")?.removeAttribute("aria-busy");
});
document.addEventListener("htmx:afterSettle", () => {
  reveal(document);
  const place = document.getElementById("errors") || document.querySelector(`:is(${PLACES}) h2`);
  place?.focus();
  place?.scrollIntoView({ block: "nearest" });
});

reveal(document);
