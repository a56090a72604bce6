"""A model server that says what the test tells it to: in this process, on a port of its own, in both dialects.

`upstream.says[prompt] = reply` where a reply is bytes of a whole answer, a list of pieces of a stream (bytes, or
seconds or an event to wait for), or a status and a body. Without one it answers `You said: <prompt>`, streamed word by word.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = bytes | list[bytes | float | threading.Event] | tuple[int, bytes]
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chunk(delta: dict[str, Any], finish: str | None = None, choice: int = 0, **more: Any) -> bytes:
    """One streamed chunk."""
    body = HEAD | {"choices": [{"index": choice, "delta": delta, "finish_reason": finish}]} | more
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def stream(*texts: str, pause: float = 0.0) -> list[bytes | float]:
    """A whole streamed answer of these pieces of content."""
    out: list[bytes | float] = [chunk({"role": "assistant", "content": ""})]
    for text in texts:
        out += [pause, chunk({"content": text})] if pause else [chunk({"content": text})]
    usage = {"prompt_tokens": 3, "completion_tokens": len(texts), "total_tokens": 3 + len(texts)}
    return [
        *out,
        chunk({}, "stop"),
        b"data: " + json.dumps(HEAD | {"choices": [], "usage": usage}).encode() + b"\n\n",
        DONE,
    ]


DONE = b"data: [DONE]\n\n"


def whole(message: dict[str, Any], finish: str = "stop", **more: Any) -> bytes:
    """A whole answer with this message."""
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return json.dumps(body | more, ensure_ascii=False).encode()


class Upstream:
    """The server; `with Upstream() as upstream:`."""

    def __init__(self) -> None:
        self.says: dict[str, Reply] = {}
        self.asked: list[dict[str, Any]] = []
        """Every request body, as it arrived."""
        self.left: list[str] = []
        """Prompts whose client went away in mid-stream."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None: ...

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append(body)
                prompt = prompt_of(body)
                reply = outer.says.get(prompt)
                if reply is None:
                    text = f"You said: {prompt}"
                    reply = stream(*text.split(" ")) if body.get("stream") else whole({"content": text})
                try:
                    self.answer(reply)
                except (BrokenPipeError, ConnectionResetError):
                    outer.left.append(prompt)
                    self.close_connection = True

            def answer(self, reply: Reply) -> None:
                if isinstance(reply, list):
                    self.send_response(200)
                    self.send_header("content-type", "text/event-stream")
                    self.send_header("transfer-encoding", "chunked")
                    self.end_headers()
                    for piece in reply:
                        if isinstance(piece, bytes):
                            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        elif isinstance(piece, threading.Event):
                            piece.wait(60)
                        else:
                            time.sleep(piece)
                    self.wfile.write(b"0\r\n\r\n")
                    return
                status, data = reply if isinstance(reply, tuple) else (200, reply)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None: ...

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self) -> Upstream:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def prompt_of(body: dict[str, Any]) -> str:
    """The newest user message's text."""
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            content = message["content"]
            return content if isinstance(content, str) else " ".join(p["text"] for p in content if "text" in p)
    return ""
