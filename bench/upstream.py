"""A model server that costs next to nothing: a fixed answer, whole or as a paced stream. Run as a process."""

from __future__ import annotations

import argparse
import asyncio
import json
import random

import uvloop

TEXT = (
    "人工智能正在改变许多行业的工作方式。在医疗领域，它可以帮助医生更早地发现疾病；在教育领域，它可以为每个学生安排合适的练习；"
    "在交通领域，它可以让车辆更安全地行驶。不过，这些技术也带来了新的问题，例如数据从哪里来、结果由谁负责、普通人怎样理解机器的判断。"
)
ANSWER = TEXT * 2
PIECE = 6
"""Characters of one streamed chunk."""


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    body = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }  # fmt: skip
    data = b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


PIECES = [chunk({"content": ANSWER[i : i + PIECE]}) for i in range(0, len(ANSWER), PIECE)]
LAST = chunk({}, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
WHOLE = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 300, "total_tokens": 600},
    },
    ensure_ascii=False,
).encode()  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n"
PLAIN = HEAD % (b"application/json", b"content-length: %d\r\n" % len(WHOLE)) + WHOLE
STREAM = HEAD % (b"text/event-stream", b"transfer-encoding: chunked\r\n")


def streamed(body: bytes) -> bool:
    """Whether a request asks for a stream."""
    return b'"stream":true' in body.replace(b" ", b"")


class Upstream(asyncio.Protocol):
    """One connection: requests with a content-length, answered in turn."""

    pace = 0.0

    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            length = next(int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:"))
            if len(rest) < length:
                return
            body, self.data = rest[:length], rest[length:]
            self.answer(head, body)

    def answer(self, head, body):
        if streamed(body):
            asyncio.get_running_loop().create_task(self.stream())
        else:
            self.transport.write(PLAIN)

    async def stream(self):
        self.transport.write(STREAM)
        await asyncio.sleep(random.random() * self.pace)  # streams don't beat in time: each chunk wakes its readers
        for piece in PIECES:
            if self.pace:
                await asyncio.sleep(self.pace)
            if self.transport.is_closing():
                return
            self.transport.write(piece)
        self.transport.write(LAST)


async def main(protocol: type[Upstream], port: int, pace: float) -> None:
    protocol.pace = pace
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    await server.serve_forever()


def run(protocol: type[Upstream]) -> None:
    """The process: `--port`, `--pace` in seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pace", type=float, default=0.0)
    options = parser.parse_args()
    uvloop.run(main(protocol, options.port, options.pace))


if __name__ == "__main__":
    run(Upstream)
