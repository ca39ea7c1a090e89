// The page's only script. What it does is also done without it, by a button: the server decides and draws.
"use strict";

const TYPING_MS = 250; // after the last change, before the text is sent

// The fields of a form that is answered while somebody types: data-live names where it is sent, and what comes back
// replaces the parts of the page that have the same data-part.
function live(form) {
  const text = form.querySelector("textarea");
  const copy = form.querySelector("[data-part=copy]");
  let timer = 0;
  let asking = null;

  const show = (html) => {
    const parts = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-part]");
    for (const part of parts) {
      const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
      // A headline that stays the same is not read out again.
      if (old && old.innerHTML !== part.innerHTML) old.replaceChildren(...part.childNodes);
    }
  };

  const fail = (words) => {
    document.querySelector("[data-part=headline]").firstElementChild.textContent = words;
  };

  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const sent = text.value;
    try {
      const answer = await fetch(form.dataset.live, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal,
        cache: "no-store",
      });
      if (answer.status === 403) return fail("This page has been locked: open it by its address again");
      if (!answer.ok) return fail("The text was not taken: press Explain to see why");
      const html = await answer.text();
      if (text.value === sent) show(html);
    } catch (error) {
      if (error.name !== "AbortError") fail("No answer: press Explain to try again");
    }
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(ask, TYPING_MS);
  };

  text.addEventListener("input", () => {
    copy.textContent = text.value + "\n"; // marks of the old text would stand under other words
    asking?.abort();
    later();
  });
  form.addEventListener("change", (event) => {
    if (event.target !== text) later();
  });
  // What a browser kept of a form over a reload is not what the server drew.
  if (text.value !== text.defaultValue) text.dispatchEvent(new Event("input"));
}

document.querySelectorAll("form[data-live]").forEach(live);
