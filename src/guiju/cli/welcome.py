"""What `guiju up` prints once everything answers: where to go, how to sign in, a line that works when pasted."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guiju.cli.words import say
from guiju.config import EMBEDDED_MODEL, Config
from guiju.errors import Said

LOW_DISK = Said(
    "Note: {home} has {free} MB of free disk, less than disk.stop_bytes ({stop} MB): the gateway refuses new exchanges "
    "until space is made.",
    "注意：{home} 所在磁盘仅剩 {free} MB，低于 disk.stop_bytes（{stop} MB）；腾出空间之前，网关不接受新的请求。",
)
KEY_GONE = Said(
    "Note: the API key that was kept for {before} is not sent to {now}: it was removed. If that server wants one, give it "
    "with --upstream-key-file.",
    "注意：为 {before} 保存的 API 密钥不会发往 {now}，已移除。新服务器如需密钥，请用 --upstream-key-file 提供。",
)
FIRST_START = Said("First start: making keys, tables and first data …", "首次启动：生成密钥、建表、写入初始数据……")
ENDING = Said(
    "Stopping: running answers may finish (Ctrl-C again stops at once) …",
    "正在停止：等待进行中的回答结束（再按一次 Ctrl-C 立即停止）……",
)
TEXT = Said(
    """
Guiju is ready ({seconds:.1f} s). Ctrl-C ends everything.

  chat page   {url}/
  console     {url}/console/
  sign in     {link}
  demo key    {key}
              {key_note}

  Try it (works as pasted):

{curl}

  {model_note}
  data, logs  {home}
""",
    """
规矩已就绪（{seconds:.1f} 秒）。Ctrl-C 停止全部进程。

  聊天页      {url}/
  控制台      {url}/console/
  管理员登录  {link}
  演示密钥    {key}
              {key_note}

  试一试（可直接粘贴）：

{curl}

  {model_note}
  数据目录    {home}
""",
)
LINK_LATER = Said("for a new link, run: {guiju} admin link", "需要新的登录链接时运行：{guiju} admin link")
LINK_ONCE = Said("{link}  (works once)", "{link}（一次性）")
KEY_NOTE = Said(
    "The demo app's own, kept on this machine only ({file}, 0600); for yours: {guiju} key create --app NAME",
    "演示应用的密钥，只保存在本机（{file}，0600）；为您的应用创建密钥：{guiju} key create --app 应用名",
)
EMBEDDED_NOTE = Said(
    "The model is the small embedded SmolLM2-135M. For a real one: {guiju} up --upstream URL --model NAME",
    "当前使用内置的演示小模型 SmolLM2-135M（中文很差）。换用其他模型：{guiju} up --upstream URL --model 模型名",
)
MODEL_NOTE = Said("The model is {model}.", "模型：{model}")
PROMPT = "What is the capital of France?"
"""English in both languages: the embedded model's Chinese is poor."""


def curl(url: str, key: str, model: str, prompt: str) -> str:
    """A command that asks one question, with nothing in it that a shell would change."""
    body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    return (
        f"  curl {url}/v1/chat/completions \\\n"
        f"    -H 'authorization: Bearer {key}' -H 'content-type: application/json' \\\n"
        f"    -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    )


def typed(home: Path) -> str:
    """How this person types `guiju` here, so that it finds this installation."""
    program = Path(sys.executable).with_name("guiju")
    near = os.path.relpath(program)
    word = (
        "guiju" if shutil.which("guiju") == str(program) else shlex.quote(str(program) if near[0:2] == ".." else near)
    )
    return word if home == Path("var").absolute() else f"GUIJU_HOME={shlex.quote(str(home))} {word}"


def facts(config: Config, prepared: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a script (`guiju up --json`)."""
    url = config.base_url
    return {
        "url": url, "chat": f"{url}/", "console": f"{url}/console/", "link": prepared.get("link"), "key": prepared["key"],
        "model": prepared.get("model") or EMBEDDED_MODEL, "home": str(config.home), "process": os.getpid(),
    }  # fmt: skip


def text(config: Config, prepared: Mapping[str, Any], seconds: float) -> str:
    """The whole of it. `prepared` is what guiju.control.first_start.prepare returned."""
    guiju = typed(config.home)
    url, link, key = config.base_url, prepared.get("link"), prepared["key"]
    model = prepared.get("model") or EMBEDDED_MODEL
    return say(TEXT).format(
        seconds=seconds,
        url=url,
        link=say(LINK_ONCE).format(link=link) if link else say(LINK_LATER).format(guiju=guiju),
        key=key,
        key_note=say(KEY_NOTE).format(file=config.run / "demo.key", guiju=guiju),
        curl=curl(url, key, model, PROMPT),
        model_note=say(EMBEDDED_NOTE if model == EMBEDDED_MODEL else MODEL_NOTE).format(guiju=guiju, model=model),
        home=config.home,
    )
