// A part of the page that is fetched anew every five seconds while the page is looked at.
const part = document.querySelector("[data-refresh]");
setInterval(async () => {
  if (document.hidden) return;
  try {
    const reply = await fetch(part.dataset.refresh, { headers: { "hx-request": "true" } });
    if (reply.ok && !reply.redirected) {
      const text = await reply.text();
      part.replaceChildren(...new DOMParser().parseFromString(text, "text/html").body.childNodes);
    }
  } catch {
    /* control is restarting: the next round finds it */
  }
}, 5000);
