// The chat page: conversations, their turns, and the answer that runs in each.
import { fresh, forget, keep, load, sent, wait, waiting } from "./conversations.js";
import { make, markdown } from "./markdown.js";
import { ask, Failed, read, thumb } from "./service.js";

const byId = (id) => document.getElementById(id);
const words = byId("words").dataset;
const REMEMBERED = Number(document.body.dataset.remembered); // characters that go with a question: models have an end
const AGAIN_MS = 5_000;
const A_DAY_MS = 86_400_000;
const SPOKEN = 1_500; // characters of an answer that are read out
let conversations = load();
let current = conversations[0] || begin();
const running = new Map(); // conversation -> AbortController
const nodes = new WeakMap(); // turn -> its article

function begin() {
  const made = fresh();
  conversations.unshift(made);
  return made;
}
function say(text, ...more) {
  byId("status").replaceChildren(text, ...more);
}

// --- the page
function draw() {
  byId("turns").replaceChildren(...current.turns.map((turn) => article(turn)));
  byId("welcome").hidden = current.turns.length > 0;
  list();
  busy();
  byId("log").scrollTop = byId("log").scrollHeight;
}
function list() {
  byId("conversations").replaceChildren(
    ...conversations
      .filter((c) => c.turns.length || c === current)
      .map((c) => {
        const title = c.turns[0] ? c.turns[0].text.slice(0, 30) : words.empty;
        const open = make("button", { type: "button", on: () => show(c) }, title);
        if (c === current) open.setAttribute("aria-current", "true");
        const gone = { type: "button", class: "quiet", "aria-label": `${words.delete}: ${title}`, on: () => remove(c) };
        return make("li", {}, open, ...(c.turns.length ? [make("button", gone, "×")] : []));
      }),
  );
}
function show(conversation) {
  current = conversation;
  draw();
  menu(false);
}
function remove(conversation) {
  running.get(conversation)?.abort();
  const place = conversations.indexOf(conversation);
  conversations.splice(place, 1);
  forget(conversation);
  if (conversation === current) current = conversations[0] || begin();
  draw();
  menu(false); // on a phone it would lie over what is said next
  const undo = () => {
    conversations.splice(place, 0, conversation);
    keep(conversation);
    say("");
    show(conversation);
  };
  say(words.deleted, " ", make("button", { type: "button", class: "quiet", on: undo }, words.undo));
}
// What the model said carries the AI mark; a sentence of the service's own stands apart from it and carries none.
function article(turn) {
  const mine = turn.role === "user";
  const generated = turn.text || (turn.open && !turn.notice);
  const who = mine ? words.you : generated ? words.ai : words.notice;
  const by = (name) => make("div", { class: "who", "aria-hidden": "true" }, name);
  const node = make("article", { class: `turn ${turn.role}${turn.refused ? " refused" : ""}`, "aria-label": who }, by(who));
  if (generated) {
    const said = make("div", { class: "said" }, mine ? turn.text : markdown(turn.text));
    if (turn.open && !turn.notice) said.classList.add("cursor");
    node.append(said);
  }
  const own = [];
  if (turn.notice) own.push(make("div", { class: "said" }, markdown(turn.notice)));
  if (turn.problem) own.push(make("p", { class: "banner" }, `${words.failed} ${turn.problem}`));
  if (own.length) {
    if (generated) own.unshift(by(words.notice));
    node.append(make("div", { class: "notice", role: "note", "aria-label": words.notice }, ...own));
  }
  if (turn.stopped) node.append(make("p", { class: "soft" }, words.stopped));
  if (!turn.open) node.append(tools(turn));
  nodes.set(turn, node);
  return node;
}
function redraw(turn) {
  const old = nodes.get(turn);
  if (old?.isConnected) old.replaceWith(article(turn));
}
function tools(turn) {
  const bar = make("div", { class: "tools" });
  const add = (text, act, more = {}) =>
    bar.append(make("button", { type: "button", class: "quiet", on: act, ...more }, text));
  const last = turn === current.turns.at(-1);
  if (turn.role === "assistant" && (turn.text || turn.notice)) add(words.copy, () => copy(turn));
  if (last && !running.has(current)) add(words.retry, retry);
  if (turn.exchange && (turn.text || turn.notice)) {
    const given = turn.thumb;
    add(words.up, () => judge(turn, { thumb: "up", reason: "good" }), { "aria-pressed": given === "up" });
    add(words.down, () => reasons(turn), { "aria-pressed": given === "down" });
  }
  if ((turn.refused || turn.notice || turn.objection) && turn.exchange) {
    const why = turn.refused ? words.why : words.became;
    bar.append(make("a", { class: "button quiet", href: `/objections/${turn.exchange}/` }, why));
  }
  return bar;
}
async function copy(turn) {
  try {
    const generated = turn.text ? [turn.text, words.label] : [];
    await navigator.clipboard.writeText([...generated, ...(turn.notice ? [turn.notice] : [])].join("\n\n"));
    say(turn.text ? words.copied : words.copiednotice);
  } catch {
    say(words.nocopy); // a page without TLS on another machine's name may not
  }
}
function retry() {
  if (current.turns.at(-1).role === "assistant") current.turns.pop();
  answer(current);
}

// --- thumbs: kept on the device until the service has them
function reasons(turn) {
  const bar = nodes.get(turn).querySelector(".tools");
  const choice = make(
    "select",
    { "aria-label": words.reason },
    ...[
      ["wrong", words.wrong],
      ["unsafe", words.unsafe],
      ["not_helpful", words.nothelpful],
      ["refused_wrongly", words.refusedwrongly],
      ["other", words.other],
    ].map(([value, text]) => make("option", { value }, text)),
  );
  const more = make("textarea", { "aria-label": words.more, placeholder: words.more, maxlength: "2000" });
  const form = make(
    "form",
    { class: "thumb" },
    make("strong", {}, words.reason),
    choice,
    more,
    make("button", { class: "primary" }, words.send),
    make("button", { type: "button", on: () => redraw(turn) }, words.cancel),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    judge(turn, { thumb: "down", reason: choice.value, words: more.value.trim() });
  });
  bar.replaceWith(form);
  choice.focus();
  form.scrollIntoView({ block: "nearest" });
}
function judge(turn, given) {
  turn.thumb = given.thumb;
  keep(current);
  redraw(turn);
  wait({ exchange: turn.exchange, since: Date.now(), ...given });
  deliver();
}
let delivering = false;
async function deliver() {
  if (delivering) return;
  delivering = true;
  const tried = new Set();
  let left = false;
  for (;;) {
    const given = waiting().find((t) => !tried.has(JSON.stringify(t)));
    if (!given) break;
    tried.add(JSON.stringify(given));
    try {
      await thumb(given);
      sent(given);
      say(words.thanks);
    } catch (problem) {
      const never = problem.status === 400 || (problem.status === 404 && Date.now() - given.since > A_DAY_MS);
      if (never) sent(given);
      else left = true;
      say(`${never ? words.failed : words.later} ${problem.message}`);
    }
  }
  delivering = false;
  if (left) setTimeout(deliver, AGAIN_MS);
}

// --- one answer
function history(turns) {
  // What was refused would be refused again with every later question: neither it nor its answer goes along.
  const asked = turns.filter((turn, at) => {
    const reply = turn.role === "user" ? turns[at + 1] : turn;
    return turn.text && !reply?.refused && (turn.role === "user" || !turn.problem);
  });
  let room = REMEMBERED;
  const first = asked.findLastIndex((turn) => (room -= turn.text.length) < 0) + 1;
  const kept = asked.slice(Math.min(first, asked.length - 1));
  if (kept[0].role !== "user") kept.shift(); // an answer without its question
  return kept.map((turn) => ({ role: turn.role, content: turn.text }));
}
async function answer(conversation) {
  const messages = history(conversation.turns);
  const turn = { role: "assistant", text: "", open: true };
  const stop = new AbortController();
  conversation.turns.push(turn);
  running.set(conversation, stop);
  if (conversation === current) draw();
  let painted = 0;
  const paint = () => {
    painted ||= requestAnimationFrame(() => {
      painted = 0;
      const said = nodes.get(turn)?.querySelector(".said");
      if (said?.isConnected && turn.open) following(() => said.replaceChildren(markdown(turn.text)));
    });
  };
  try {
    const reply = await ask(messages, stop.signal);
    turn.exchange = reply.headers.get("x-guiju-exchange") || "";
    await read(reply.body, (chunk) => {
      if (chunk.error) throw new Failed(chunk.error.message);
      const said = chunk.choices?.[0]?.delta?.content || "";
      const action = chunk.guiju?.action;
      if (!action || action === "mask") {
        turn.text += said;
        if (said) paint();
        return;
      }
      // From here on the service speaks and not the model: it refuses, or was stopped.
      turn.refused = action !== "stop";
      turn.notice = (turn.notice || "") + said;
    });
    if (turn.refused) turn.notice ||= words.ended; // an app may be set to say no more than that
    say(turn.notice ? "" : words.done);
  } catch (problem) {
    if (problem.name === "AbortError" || turn.stopped) turn.stopped = true;
    else {
      turn.problem = problem.message;
      turn.exchange ||= problem.exchange || "";
      turn.refused = problem.code === "content_blocked";
      turn.objection = problem.objection;
    }
    say(turn.stopped ? words.stopped : `${words.failed} ${problem.message}`);
  }
  delete turn.open;
  running.delete(conversation);
  if (conversations.includes(conversation)) keep(conversation);
  const generated = turn.text && `${words.ai}: ${turn.text.slice(0, SPOKEN)}`;
  byId("spoken").textContent = [generated, turn.notice && `${words.notice}: ${turn.notice}`].filter(Boolean).join(" ");
  if (conversation !== current) return;
  following(() => redraw(turn));
  busy();
}
function following(change) {
  const log = byId("log");
  const near = log.scrollHeight - log.scrollTop - log.clientHeight < 160;
  change();
  if (near) log.scrollTop = log.scrollHeight;
}
function busy() {
  const on = running.has(current);
  byId("send").hidden = on;
  byId("stop").hidden = !on;
}
function menu(open) {
  const side = byId("side");
  const was = side.classList.contains("open");
  side.classList.toggle("open", open);
  byId("menu").setAttribute("aria-expanded", open);
  if (open) byId("new").focus();
  else if (was) byId("menu").focus();
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("prompt");
  const text = field.value.trim();
  if (!text || running.has(current)) return;
  field.value = "";
  grow(field);
  const before = current.turns.at(-1);
  current.turns.push({ role: "user", text });
  conversations = [current, ...conversations.filter((c) => c !== current)];
  keep(current);
  if (before) redraw(before); // only the newest answer can be tried again
  answer(current);
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
byId("stop").addEventListener("click", () => {
  running.get(current)?.abort();
  byId("prompt").focus();
});
byId("new").addEventListener("click", () => {
  show(current.turns.length ? begin() : current);
  byId("prompt").focus();
});
byId("menu").addEventListener("click", () => menu(!byId("side").classList.contains("open")));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") menu(false);
});
document.addEventListener("click", (event) => {
  if (event.target.isConnected && !byId("side").contains(event.target) && event.target !== byId("menu")) menu(false);
});
// Whoever leaves in the middle of an answer finds what had come of it.
window.addEventListener("pagehide", () => {
  for (const conversation of running.keys()) {
    conversation.turns.at(-1).stopped = true;
    keep(conversation);
  }
});
window.addEventListener("online", deliver);
draw();
deliver();
