"""What `guiju up` prints once everything answers: where to go, how to sign in, a line that works when pasted."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guiju.config import EMBEDDED_MODEL, Config

FIRST_START = {
    "zh": "首次启动：生成密钥、建表、写入初始数据……",
    "en": "First start: making keys, tables and first data …",
}
ENDING = {
    "zh": "正在停止：等待进行中的回答结束（再按一次 Ctrl-C 立即停止）……",
    "en": "Stopping: running answers may finish (Ctrl-C again stops at once) …",
}

TEXT = {
    "zh": """
规矩已就绪（{seconds:.1f} 秒）。Ctrl-C 停止全部进程。

  聊天页      {url}/
  控制台      {url}/console/
  管理员登录  {link}
  演示密钥    {key}
              {key_note}

  试一试（可直接粘贴）：

{curl}

  {model_note}
  数据与日志  {home}
""",
    "en": """
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
}
LINK_LATER = {
    "zh": "需要新的登录链接时运行：{guiju} admin link",
    "en": "for a new link, run: {guiju} admin link",
}
LINK_ONCE = {"zh": "{link}（一次性）", "en": "{link}  (works once)"}
KEY_NOTE = {
    "zh": "演示应用自己的密钥，仅存于本机 {file}（0600）；您的应用请用：{guiju} key create --app 名称",
    "en": "The demo app's own, kept on this machine only ({file}, 0600); for yours: {guiju} key create --app NAME",
}
EMBEDDED_NOTE = {
    "zh": "当前为内置演示模型 SmolLM2-135M（中文很差）。换成真模型：{guiju} up --upstream URL --model 名称",
    "en": "The model is the small embedded SmolLM2-135M. For a real one: {guiju} up --upstream URL --model NAME",
}
MODEL_NOTE = {"zh": "模型：{model}", "en": "The model is {model}."}
PROMPT = "What is the capital of France?"
"""English in both languages: the embedded model's Chinese is poor."""


def curl(url: str, key: str, model: str, prompt: str) -> str:
    """A command that asks one question, with nothing in it that a shell would change."""
    return (
        f"  curl {url}/v1/chat/completions \\\n"
        f"    -H 'authorization: Bearer {key}' -H 'content-type: application/json' \\\n"
        f"""    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "{prompt}"}}]}}'"""
    )


def typed(home: Path) -> str:
    """How this person types `guiju` here, so that it finds this installation."""
    program = Path(sys.executable).with_name("guiju")
    word = "guiju" if shutil.which("guiju") == str(program) else os.path.relpath(program)
    return word if home == Path("var").absolute() else f"GUIJU_HOME={shlex.quote(str(home))} {word}"


def text(config: Config, prepared: Mapping[str, Any], language: str, seconds: float) -> str:
    """The whole of it, in `zh` or `en`. `prepared` is what guiju.control.first_start.prepare returned."""
    guiju = typed(config.home)
    url, link, key = config.base_url, prepared.get("link"), prepared["key"]
    model = prepared.get("model") or EMBEDDED_MODEL
    return TEXT[language].format(
        seconds=seconds,
        url=url,
        link=LINK_ONCE[language].format(link=link) if link else LINK_LATER[language].format(guiju=guiju),
        key=key,
        key_note=KEY_NOTE[language].format(file=config.run / "demo.key", guiju=guiju),
        curl=curl(url, key, model, PROMPT),
        model_note=EMBEDDED_NOTE[language].format(guiju=guiju)
        if model == EMBEDDED_MODEL
        else MODEL_NOTE[language].format(model=model),
        home=config.home,
    )
