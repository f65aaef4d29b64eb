// Keeps a page fresh: fetches it again every few seconds while somebody can see it, and changes only what differs.
// The page is whole without this file.
"use strict";

const EVERY = 5000;
const fresh = document.getElementById("fresh");
const freshText = document.getElementById("fresh-text");
let freshAt = "";

function noteFresh() {
  freshAt = `${new Date().toISOString().slice(11, 19)}Z`;
  say(`as of ${freshAt}`, false);
}

function say(text, bad) {
  fresh.hidden = false;
  fresh.classList.toggle("alarm", bad);
  if (freshText.textContent !== text) freshText.textContent = text;
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id : "";
}

function isAlike(one, other) {
  return one.nodeName === other.nodeName && keyOf(one) === keyOf(other);
}

function copyAttributes(shown, wanted) {
  // What a reader has unfolded or typed stays.
  for (const { name, value } of [...wanted.attributes]) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  for (const { name } of [...shown.attributes]) {
    if (!wanted.hasAttribute(name) && name !== "open") shown.removeAttribute(name);
  }
}

function change(shown, wanted) {
  if (shown.isEqualNode(wanted)) return;
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    shown.nodeValue = wanted.nodeValue;
    return;
  }
  if (shown.id === "fresh" || shown.id === "copy" || shown.matches("form")) return;
  copyAttributes(shown, wanted);
  changeChildren(shown, wanted);
}

function changeChildren(shown, wanted) {
  const kept = new Map([...shown.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let place = shown.firstChild;
  for (const node of [...wanted.childNodes]) {
    const known = kept.get(keyOf(node));
    if (known && known !== place) {
      shown.insertBefore(known, place);
      place = known;
    }
    if (place && isAlike(place, node)) {
      const next = place.nextSibling;
      change(place, node);
      place = next;
    } else {
      shown.insertBefore(document.importNode(node, true), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

async function refresh() {
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(EVERY * 4) });
    if (!answer.ok && answer.status !== 404) throw new Error(`HTTP ${answer.status}`);
    const wanted = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = wanted.title;
    change(document.querySelector("header.top"), wanted.querySelector("header.top"));
    change(document.getElementById("content"), wanted.getElementById("content"));
    noteFresh();
  } catch (error) {
    say(`not refreshed since ${freshAt}: the controller does not answer`, true);
  }
}

async function keepOn() {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY));
    // A reader who marks text to copy it would lose the mark.
    if (!document.hidden && document.getSelection().isCollapsed) await refresh();
  }
}

const copy = document.getElementById("copy");
if (copy) {
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    const text = document.getElementById("status-text");
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "Copied";
    } else {
      // Browsers keep the clipboard from pages without TLS: what is marked Ctrl-C takes all the same.
      document.getSelection().selectAllChildren(text);
      copy.textContent = "Marked: press Ctrl-C";
    }
    setTimeout(() => (copy.textContent = "Copy"), EVERY);
  });
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
noteFresh();
keepOn();
