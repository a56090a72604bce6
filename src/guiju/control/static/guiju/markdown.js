// Markdown, as much as answers need: paragraphs, headings, lists, tables, code, bold, links as text. Model text is never
// parsed as HTML: everything ends as text nodes.
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    name === "on" ? node.addEventListener("click", value) : node.setAttribute(name, value);
  node.append(...children);
  return node;
}

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

const KINDS = [
  ["ul", /^\s*[-*•] +/],
  ["ol", /^\s*\d+[.)、] */],
  ["heading", /^#{1,6} +/],
  ["table", /^\s*\|/],
];
const kindOf = (line) => (KINDS.find(([, mark]) => mark.test(line)) || ["p"])[0];

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|");
}
function table(lines) {
  const rows = lines.filter((line) => !/^[\s|:-]+$/.test(line));
  const body = rows.map((line, row) =>
    make("tr", {}, ...cells(line).map((cell) => make(row ? "td" : "th", {}, ...inline(cell.trim())))),
  );
  return make("div", { class: "table", tabindex: "0" }, make("table", {}, make("tbody", {}, ...body)));
}

function run(kind, lines) {
  const mark = KINDS.find(([name]) => name === kind)?.[1];
  const bare = (line) => line.replace(mark, "");
  if (kind === "heading") return lines.map((line) => make("p", {}, make("strong", {}, ...inline(bare(line)))));
  if (kind === "table") return [table(lines)];
  if (kind === "p") return [make("p", {}, ...lines.flatMap((l, i) => (i ? [make("br"), ...inline(l)] : inline(l))))];
  const first = kind === "ol" ? { start: lines[0].match(/\d+/)[0] } : {};
  return [make(kind, first, ...lines.map((line) => make("li", {}, ...inline(bare(line)))))];
}

export function markdown(text) {
  const out = document.createDocumentFragment();
  text.split(/(```[^\n]*\n[\s\S]*?(?:```|$))/).forEach((block, odd) => {
    if (odd % 2) {
      const code = block.replace(/^```[^\n]*\n/, "").replace(/```$/, "");
      out.append(make("pre", { tabindex: "0" }, make("code", {}, code)));
      return;
    }
    let kind = "";
    let lines = [];
    const flush = () => {
      if (lines.length) out.append(...run(kind, lines));
      lines = [];
    };
    for (const line of block.split("\n")) {
      const now = line.trim() ? kindOf(line) : "";
      if (now !== kind) flush();
      kind = now;
      if (now) lines.push(line);
    }
    flush();
  });
  return out;
}
