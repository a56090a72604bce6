// The chat page: a client of /v1/chat/completions like any other, with a five-minute token in place of a key.
// Conversations live in localStorage. Model text is never parsed as HTML: it becomes text nodes.
const byId = (id) => document.getElementById(id);
const words = byId("words").dataset;
const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
const STORE = "guiju.conversations";
let conversations = load();
let current = conversations[0] || fresh();
let token = { value: "", until: 0 };
let running = null;

function load() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) || [];
  } catch {
    return [];
  }
}
function save() {
  localStorage.setItem(STORE, JSON.stringify(conversations.filter((c) => c.turns.length).slice(0, 50)));
}
function fresh() {
  const c = { id: crypto.randomUUID ? crypto.randomUUID() : String(Date.now()), turns: [] };
  conversations.unshift(c);
  return c;
}
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    name === "on" ? node.addEventListener("click", value) : node.setAttribute(name, value);
  node.append(...children);
  return node;
}
function say(text) {
  byId("status").textContent = text;
}

// --- Markdown, as much as answers need: paragraphs, lists, code, bold. Everything ends as text nodes.
function inline(text) {
  return text
    .split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/)
    .filter(Boolean)
    .map((part) => {
      if (/^`[^`]+`$/.test(part)) return make("code", {}, part.slice(1, -1));
      if (/^\*\*[^*]+\*\*$/.test(part)) return make("strong", {}, part.slice(2, -2));
      return document.createTextNode(part);
    });
}
function markdown(text) {
  const out = document.createDocumentFragment();
  text.split(/(```[^\n]*\n[\s\S]*?(?:```|$))/).forEach((block, odd) => {
    if (odd % 2) {
      out.append(
        make("pre", { tabindex: "0" }, make("code", {}, block.replace(/^```[^\n]*\n/, "").replace(/```$/, ""))),
      );
      return;
    }
    for (const part of block.split(/\n{2,}/)) {
      const lines = part.split("\n").filter((line) => line.trim());
      if (!lines.length) continue;
      const kind = lines.every((l) => /^\s*[-*•] /.test(l))
        ? "ul"
        : lines.every((l) => /^\s*\d+[.)] /.test(l))
          ? "ol"
          : "";
      if (kind)
        out.append(
          make(kind, {}, ...lines.map((l) => make("li", {}, ...inline(l.replace(/^\s*(?:[-*•]|\d+[.)]) /, ""))))),
        );
      else out.append(make("p", {}, ...lines.flatMap((l, i) => (i ? [make("br"), ...inline(l)] : inline(l)))));
    }
  });
  return out;
}

// --- the page
function draw() {
  const log = byId("log");
  log.querySelectorAll(".turn").forEach((n) => n.remove());
  byId("welcome").hidden = current.turns.length > 0;
  current.turns.forEach((turn, at) => log.append(turnNode(turn, at)));
  const list = byId("conversations");
  list.replaceChildren(
    ...conversations
      .filter((c) => c.turns.length || c === current)
      .map((c) => {
        const title = c.turns[0] ? c.turns[0].text.slice(0, 30) : words.empty;
        const item = make(
          "li",
          {},
          make(
            "button",
            {
              type: "button",
              on: () => {
                current = c;
                draw();
                menu(false);
              },
            },
            title,
          ),
          make(
            "button",
            { type: "button", class: "quiet", "aria-label": `${words.delete}: ${title}`, on: () => remove(c) },
            "×",
          ),
        );
        item.setAttribute("aria-current", c === current);
        return item;
      }),
  );
  log.scrollTop = log.scrollHeight;
}
function remove(c) {
  conversations = conversations.filter((x) => x !== c);
  if (c === current) current = conversations[0] || fresh();
  save();
  draw();
}
function turnNode(turn, at) {
  const mine = turn.role === "user";
  const said = make("div", { class: "said" });
  if (mine) said.append(turn.text);
  else said.append(markdown(turn.text));
  const node = make(
    "article",
    { class: `turn ${turn.role}${turn.refused ? " refused" : ""}` },
    make("div", { class: "who" }, mine ? words.you : words.ai),
    said,
  );
  if (!mine && !turn.open) node.append(tools(turn, at));
  return node;
}
function tools(turn, at) {
  const bar = make("div", { class: "tools" });
  const add = (text, act, more = {}) =>
    bar.append(make("button", { type: "button", class: "quiet", on: act, ...more }, text));
  add(words.copy, async () => {
    await navigator.clipboard.writeText(`${turn.text}\n\n${words.label}`);
    say(words.copied);
  });
  if (at === current.turns.length - 1)
    add(words.retry, () => {
      current.turns.pop();
      answer();
    });
  if (turn.exchange) {
    add(words.up, (e) => thumb(turn, "up", "good", e.target));
    const choice = make(
      "select",
      { "aria-label": words.reason, class: "quiet" },
      make("option", { value: "" }, `${words.down}…`),
      ...[
        ["wrong", words.wrong],
        ["unsafe", words.unsafe],
        ["not_helpful", words.nothelpful],
        ["refused_wrongly", words.refusedwrongly],
      ].map(([v, t]) => make("option", { value: v }, t)),
    );
    choice.style.width = "auto";
    choice.addEventListener("change", () => choice.value && thumb(turn, "down", choice.value, choice));
    bar.append(choice);
  }
  if (turn.refused && turn.exchange)
    bar.append(make("a", { class: "button quiet", href: `/objections/${turn.exchange}/` }, words.why));
  return bar;
}
async function thumb(turn, way, reason, button) {
  button.disabled = true;
  const sent = await post("/control/v1/feedback", { exchange: turn.exchange, thumb: way, reason });
  say(sent.ok ? words.thanks : words.failed);
}
function post(url, body) {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrftoken": csrf },
    body: JSON.stringify(body || {}),
  });
}
async function bearer() {
  if (Date.now() > token.until) {
    const given = await post("/control/v1/chat-token");
    if (!given.ok) throw new Error(String(given.status));
    const body = await given.json();
    token = { value: body.token, until: Date.now() + (body.seconds - 30) * 1000 };
  }
  return token.value;
}

// --- one answer
async function answer() {
  const turn = { role: "assistant", text: "", open: true };
  const history = current.turns.filter((t) => t.text && !t.refused).map((t) => ({ role: t.role, content: t.text }));
  current.turns.push(turn);
  draw();
  const node = byId("log").lastElementChild;
  const said = node.querySelector(".said");
  said.classList.add("cursor");
  busy(true);
  running = new AbortController();
  try {
    const reply = await fetch("/v1/chat/completions", {
      method: "POST",
      signal: running.signal,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${await bearer()}`,
        "accept-language": document.body.dataset.language,
      },
      body: JSON.stringify({ model: document.body.dataset.model, stream: true, messages: history }),
    });
    turn.exchange = reply.headers.get("x-guiju-exchange") || "";
    if (!reply.ok) {
      const problem = await reply.json();
      turn.refused = problem.error?.code === "content_blocked";
      throw new Error(problem.error?.message || reply.statusText);
    }
    await read(reply.body, (chunk) => {
      if (chunk.error) throw new Error(chunk.error.message);
      const choice = chunk.choices?.[0];
      if (choice?.delta?.content) {
        turn.text += choice.delta.content;
        said.replaceChildren(markdown(turn.text));
        follow();
      }
      if (choice?.finish_reason === "content_filter") turn.refused = true;
    });
    say(words.done);
  } catch (problem) {
    if (problem.name === "AbortError") say(words.stopped);
    else {
      turn.text ||= `${words.failed} ${problem.message}`;
      turn.refused ||= false;
      say(turn.text);
    }
  }
  running = null;
  delete turn.open;
  busy(false);
  save();
  draw();
}
function follow() {
  const log = byId("log");
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 160) log.scrollTop = log.scrollHeight;
}
async function read(stream, each) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (held + value).split("\n\n");
    held = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data && data !== "[DONE]") each(JSON.parse(data));
    }
  }
}
function busy(on) {
  byId("send").hidden = on;
  byId("stop").hidden = !on;
}
function menu(open) {
  byId("side").classList.toggle("open", open);
  byId("menu").setAttribute("aria-expanded", open);
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("prompt");
  const text = field.value.trim();
  if (!text || running) return;
  field.value = "";
  grow(field);
  current.turns.push({ role: "user", text });
  save();
  answer();
});
byId("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId("ask").requestSubmit();
  }
});
byId("prompt").addEventListener("input", (event) => grow(event.target));
function grow(field) {
  field.style.height = "44px";
  field.style.height = `${Math.min(field.scrollHeight + 2, 180)}px`;
}
byId("stop").addEventListener("click", () => running?.abort());
byId("new").addEventListener("click", () => {
  if (current.turns.length) current = fresh();
  menu(false);
  draw();
  byId("prompt").focus();
});
byId("menu").addEventListener("click", () => menu(!byId("side").classList.contains("open")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") menu(false);
});
document.addEventListener("click", (event) => {
  if (!byId("side").contains(event.target) && event.target !== byId("menu")) menu(false);
});
draw();
