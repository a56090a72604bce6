// Conversations and thumbs that wait, in this device's localStorage and nowhere else. Other tabs write there too: each
// change reads what is there and replaces its own conversation alone.
const STORE = "guiju.conversations";
const WAITING = "guiju.thumbs";
const MOST = 50;

function read(name) {
  try {
    const found = JSON.parse(localStorage.getItem(name));
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
function write(name, list) {
  for (let kept = list; ; kept = kept.slice(0, -1)) {
    try {
      localStorage.setItem(name, JSON.stringify(kept));
      return;
    } catch {
      if (!kept.length) return; // the browser keeps nothing: the page works on until it is closed
    }
  }
}

export function load() {
  const found = read(STORE).filter((c) => Array.isArray(c?.turns) && c.turns.length);
  for (const conversation of found) for (const turn of conversation.turns) delete turn.open;
  return found;
}
export function fresh() {
  return { id: `${Date.now()}-${Math.random().toString(36).slice(2)}`, turns: [] };
}
export function keep(conversation) {
  const others = load().filter((c) => c.id !== conversation.id);
  write(STORE, (conversation.turns.length ? [conversation, ...others] : others).slice(0, MOST));
}
export function forget(conversation) {
  write(STORE, load().filter((c) => c.id !== conversation.id));
}

export const waiting = () => read(WAITING);
export function wait(thumb) {
  write(WAITING, [...waiting().filter((t) => t.exchange !== thumb.exchange), thumb]);
}
export function sent(thumb) {
  write(WAITING, waiting().filter((t) => JSON.stringify(t) !== JSON.stringify(thumb)));
}
