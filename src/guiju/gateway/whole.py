"""A whole answer: read, reviewed, labelled and recorded, and only then sent. Its streamed counterpart is stream.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from guiju.gateway import ids, restoring, texts
from guiju.gateway.life import SERVING
from guiju.label import notice
from guiju.ledger import entries
from guiju.review.judge import combine
from guiju.types import Path
from guiju.wire.dialect import Answer, Ask

if TYPE_CHECKING:
    from guiju.gateway.exchange import Exchange


async def serve(exchange: Exchange, ask: Ask, body: bytes) -> None:
    """Read the upstream's answer, review it, label it, record it; then it leaves.

    Raises: UpstreamError, JournalUnavailable.
    """
    grant = exchange.grant

    def read() -> Answer:
        return exchange.dialect.read_answer(
            body, ask, dialect=exchange.target.way, allow_opaque=exchange.app.allow_opaque
        )

    answer = await texts.aside(len(body), read)
    verdicts = await texts.review(exchange, answer.segments, "output")
    verdict = combine(verdicts)
    exchange.count(verdict.judged, "output")
    found = tuple(
        entries.Reviewed(path=entries.place(s.path), length=len(s.text), action=v.action, judged=v.judged)
        for s, v in zip(answer.segments, verdicts, strict=True)
        if v.judged
    )
    exchange.move(SERVING)
    usage = {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]} if answer.usage else {}
    exchange.tokens(usage)
    record: dict[str, Any] = {
        "texts": found, "action": verdict.action, "withheld": entries.places(answer.withheld), "queue": verdict.queue, **usage,
    }  # fmt: skip
    if not verdict.serves and not grant.observe:
        refusal = exchange.refusal(ask, verdict)
        if refusal is None:
            error = exchange.speaker.blocked(verdict)
            await exchange.close("blocked", code=error.code, **record)
            return exchange.answer_fault(error, exchange.details(verdict))
        await exchange.close("refused", finish=exchange.app.finish_reason, **record)
        return exchange.call.answer(200, refusal, exchange.headers())
    replaced = {
        s.path: v.text
        for s, v in zip(answer.segments, verdicts, strict=True)
        if v.text is not None and not grant.observe
    }
    masked = bool(replaced)
    notices = _notices(exchange, answer, ask, replaced)
    label = exchange.label() | ({"action": "mask"} if masked else {})
    written, restored = restoring.whole(exchange.kept, answer.segments, replaced) if exchange.kept else (replaced, ())
    out = await texts.aside(len(body), lambda: answer.write(written, label))
    await exchange.close(
        "masked" if masked else "served",
        insertions=notices + restored,
        label=exchange.label_text,
        content_ids=tuple(ids.content_id(exchange.id, i) for i in range(max(1, len(answer.content_paths)))),
        characters=sum(len(s.text) for s in answer.segments if s.role),
        finish=answer.finish,
        contents=[[".".join(map(str, s.path)), replaced.get(s.path, s.text)] for s in answer.segments if s.role],
        **record,
    )
    exchange.call.answer(200, out, exchange.headers())


def _notices(exchange: Exchange, answer: Any, ask: Ask, replaced: dict[Path, str]) -> tuple[entries.Insertion, ...]:
    place = exchange.app.notice
    if place == "interface" or ask.json_mode:
        return ()
    said = {s.path: s.text for s in answer.segments}
    made = []
    for path in answer.content_paths:
        text = replaced.get(path, said.get(path, ""))
        words = notice.beginning(exchange.language) if place == "begin" else notice.end(exchange.language)
        offset = 0 if place == "begin" else len(text)
        replaced[path] = words + text if place == "begin" else text + words
        channel = ".".join(map(str, entries.place(path)))
        made.append(entries.Insertion(channel=channel, offset=offset, length=len(words), kind="notice"))
    return tuple(made)
