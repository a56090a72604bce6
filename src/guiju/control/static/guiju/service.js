// What the page asks of the service: answers of /v1/chat/completions, with a five-minute token in place of a key, and
// thumbs. Whatever fails, fails with a sentence for the user.
const words = document.getElementById("words").dataset;
const csrf = document.querySelector("[name=csrfmiddlewaretoken]").value;
let token = { value: "", until: 0 };

export class Failed extends Error {
  constructor(message, status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function request(url, options) {
  let reply;
  try {
    reply = await fetch(url, { method: "POST", ...options });
  } catch (problem) {
    throw problem.name === "AbortError" ? problem : new Failed(words.offline);
  }
  if (reply.ok) return reply;
  const told = await reply.json().catch(() => ({}));
  const reason = told.error?.message || told.problem || (reply.status === 403 ? words.stale : words.unreachable);
  throw Object.assign(new Failed(reason, reply.status, told.error?.code), {
    exchange: reply.headers.get("x-guiju-exchange") || "",
    objection: Boolean(told.error?.guiju?.objection),
  });
}
function post(url, body = {}) {
  const headers = { "content-type": "application/json", "x-csrftoken": csrf };
  return request(url, { headers, body: JSON.stringify(body) });
}
async function bearer() {
  if (Date.now() > token.until) {
    const body = await (await post("/control/v1/chat-token")).json();
    token = { value: body.token, until: Date.now() + (body.seconds - 30) * 1000 };
  }
  return token.value;
}

export async function ask(messages, signal) {
  const headers = { "content-type": "application/json", "accept-language": document.body.dataset.language };
  const body = JSON.stringify({ model: document.body.dataset.model, stream: true, messages });
  const once = async () =>
    request("/v1/chat/completions", { signal, body, headers: { ...headers, authorization: `Bearer ${await bearer()}` } });
  try {
    return await once();
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    token.until = 0; // the token was made under a key of before
    return once();
  }
}
export async function read(stream, each) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read().catch((problem) => {
      throw problem.name === "AbortError" ? problem : new Failed(words.offline);
    });
    if (done) throw new Failed(words.cut);
    const events = (held + value).split("\n\n");
    held = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      if (data) each(JSON.parse(data));
    }
  }
}
export const thumb = (given) => post("/control/v1/feedback", given);
