// The page's only script. What it does is also done without it, by a button: the server decides and draws.
"use strict";

const TYPING_MS = 250; // after the last change, before the text is sent
const POLL_MS = 700; // between two looks at what runs
const ANSWER_MS = 30_000; // for an answer to come; the server gives up after 20 s

// Parts of an answer replace those of the page that have the same data-part.
function show(html) {
  const parts = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-part]");
  for (const part of parts) {
    const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
    // A headline that stays the same is not read out again.
    if (old && old.innerHTML !== part.innerHTML) old.replaceChildren(...part.childNodes);
  }
}

function fail(words) {
  document.querySelector("[data-part=headline]").firstElementChild.textContent = words;
}

// The fields of a form that is answered while somebody types: data-live names where it is sent.
function live(form) {
  const text = form.querySelector("textarea");
  const copy = form.querySelector("[data-part=copy]");
  let timer = 0;
  let asking = null;

  const again = () => form.querySelector("button.primary, button:not([formaction])").textContent;

  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const sent = text.value;
    try {
      const answer = await fetch(form.dataset.live, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
        cache: "no-store",
      });
      if (answer.status === 403) return fail("This page has been locked: open it by its address again");
      if (!answer.ok) return fail(`The text was not taken: press ${again()} to see why`);
      const html = await answer.text();
      if (text.value === sent) show(html);
    } catch (error) {
      if (error.name !== "AbortError") fail(`No answer: press ${again()} to try again`);
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
    if (event.target !== text && event.target.name !== "days") later();
  });
  // What a browser kept of a form over a reload is not what the server drew.
  if (text.value !== text.defaultValue) text.dispatchEvent(new Event("input"));
}

// What runs on the server: data-poll names where its parts are, until an answer has no such element any more.
function poll() {
  const running = document.querySelector("[data-poll]");
  if (!running) return;
  setTimeout(async () => {
    try {
      const answer = await fetch(running.dataset.poll, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
      if (!answer.ok) return fail("It cannot be followed any more: reload this page");
      const html = await answer.text();
      if (running.isConnected) show(html); // else an edit put something else in its place, which is newer
    } catch {
      // The server is away for a moment: what stands there is the newest that is known.
    }
    poll();
  }, POLL_MS);
}

document.querySelectorAll("form[data-live]").forEach(live);

// Rows that come while somebody looks: data-stream names where they come from. They go on top where that moves nothing
// under somebody's eyes or fingers; else they wait behind a button.
function stream(bar) {
  const ROWS_MAX = 200; // of the table; the oldest ones leave, Older has them
  const body = document.querySelector("table.chats tbody");
  const table = body.closest("table");
  const state = bar.querySelector("[data-state]");
  const waiting = bar.querySelector("[data-waiting]");
  const pause = bar.querySelector("[data-pause]");
  const said = state.textContent;
  const waits = bar.classList.contains("paused"); // for Kafka, which does not answer
  const address = new URL(bar.dataset.stream, location.href);
  let source = null;
  let paused = false;
  let over = false; // more came than is sent: what came since is missing, so only a reload goes on
  let held = []; // events that wait behind the button
  let count = 0; // of their rows, and of those that the table has no room for

  const say = (words) => {
    bar.classList.toggle("paused", waits || words !== said);
    if (state.textContent !== words) state.textContent = words;
  };

  const put = (html) => {
    const rows = new DOMParser().parseFromString(`<table><tbody>${html}</tbody></table>`, "text/html").querySelectorAll("tr");
    const first = body.querySelector("tr.group");
    let before = body.firstElementChild;
    for (const row of rows) {
      if (row.dataset.day) {
        if (first && row.dataset.day === first.dataset.day) before = first.nextElementSibling;
        else body.insertBefore(row, before);
        continue;
      }
      for (const old of body.querySelectorAll("tr[data-thread]")) {
        if (old.dataset.thread !== row.dataset.thread) continue;
        if (old === before) before = old.nextElementSibling;
        old.remove();
      }
      body.insertBefore(row, before);
    }
    while (body.rows.length > ROWS_MAX) body.lastElementChild.remove();
    table.hidden = false;
    document.querySelector("[data-none]")?.remove();
  };

  const show = () => {
    if (over) return location.reload();
    for (const one of held) put(one.rows);
    held = [];
    count = 0;
    waiting.hidden = true;
  };

  const moves = () => window.scrollY > 0 || table.contains(document.activeElement);

  const come = (event) => {
    address.searchParams.set("last", event.lastEventId);
    const news = JSON.parse(event.data);
    if (news.many) {
      close();
      over = true;
      pause.hidden = true;
      held = [];
      waiting.textContent = "Show them";
      waiting.hidden = false;
      return say("More chats ended than fit here");
    }
    held.push(news);
    count += news.count;
    // The table drops its oldest rows, so what would be dropped at once is not kept for it.
    let kept = held.reduce((sum, one) => sum + one.count, 0);
    while (kept - held[0].count >= ROWS_MAX) kept -= held.shift().count;
    if (!moves()) return show();
    waiting.textContent = `${count} new`;
    waiting.hidden = false;
  };

  const close = () => {
    source?.close();
    source = null;
  };

  const open = () => {
    if (source || paused || over || document.hidden) return;
    source = new EventSource(address);
    source.addEventListener("open", () => say(said));
    source.addEventListener("message", come);
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) {
        close();
        say("Not live: reload the page to try again");
      } else say("No connection; it is tried again");
    });
  };

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume" : "Pause";
    if (paused) {
      close();
      say("Paused: no chat appears");
    } else {
      say(said);
      open();
    }
  });
  waiting.addEventListener("click", show);
  // A browser opens six connections to a server: what nobody sees holds none of them.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  bar.hidden = false;
  open();
}

document.querySelectorAll("[data-stream]").forEach(stream);
poll();
