"""Makes .venv and installs what is locked, for `make`. Runs under the machine's own python3, whatever its version.

    python3 scripts/bootstrap.py run     what `guiju up` needs: the base, the embedded model
    python3 scripts/bootstrap.py dev     and what the tests, linters and documents need

Needs nothing but Python with its venv module: pip installs from requirements/*.lock with hashes. A stamp in .venv holds
a digest of those files, so that the next run starts at once. Exit codes: 0 done, 1 an installation failed, 3 this
machine or folder isn't fit, 130 interrupted, each with a sentence that says what to do, in the terminal's language.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCKS = {
    # name -> in order: (lock file, what it is, further options of pip)
    "run": (
        ("build.lock", "build tools", ()),
        ("run.lock", "libraries", ()),
        ("weights.lock", "model weights", ("--no-deps",)),
    ),
    "dev": (
        ("build.lock", "build tools", ()),
        ("dev.lock", "libraries", ()),
        ("weights.lock", "model weights", ("--no-deps",)),
    ),
}
OLDEST = (3, 11)


class Unfit(Exception):
    """This machine or folder isn't fit; the message says what to do."""


def main(kind):
    """Bring .venv to what `kind` needs; returns the exit code."""
    try:
        check_python()
        check_folder()
        digest = fingerprint(kind)
        if stamped(kind) == digest or (kind == "run" and stamped("dev") == fingerprint("dev")):
            return 0
        make_venv()
        started = time.monotonic()
        for lock, title, options in LOCKS[kind]:
            if not install(title, ["--require-hashes", *options, "-r", os.path.join(ROOT, "requirements", lock)]):
                return 1
        # The package itself, editable: its build tool is in the environment by now (build.lock), nothing is fetched.
        if not install("guiju", ["--no-build-isolation", "--no-deps", "--no-index", "-e", ROOT]):
            return 1
        with open(stamp(kind), "w") as file:
            file.write(digest)
        seconds = time.monotonic() - started
        say(words(f"Installed in {seconds:.0f} s.", f"安装完成，用时 {seconds:.0f} 秒。"))
        return 0
    except Unfit as problem:
        say(str(problem))
        return 3
    except KeyboardInterrupt:
        say(words("\nInterrupted. Run make again to go on.", "\n已中断。再次运行 make 即可继续。"))
        return 130


def check_python():
    """Raises: Unfit, where this interpreter is too old or can't make environments."""
    if sys.version_info < OLDEST:
        newer = [name for name in ("python3.13", "python3.12", "python3.11") if works(name)]
        oldest, have = f"{OLDEST[0]}.{OLDEST[1]}", sys.version.split()[0]
        command = f"make PYTHON={newer[0] if newer else 'python3.12'} run"
        raise Unfit(
            words(
                f"Guiju needs Python {oldest} or newer; {sys.executable} is {have}. "
                + (f"To go on: {command}" if newer else f"Install a newer one, then: {command}"),
                f"规矩需要 Python {oldest} 或更新的版本；{sys.executable} 是 {have}。"
                + (f"请改用：{command}" if newer else f"请先安装较新的版本，再运行：{command}"),
            )
        )
    try:
        import ensurepip  # noqa: F401 — Debian leaves it out of python3; venv exists but can't bring pip
        import venv  # noqa: F401
    except ImportError:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise Unfit(
            words(
                f"Python's venv module is missing. Run: sudo apt install {package} (or python3-venv)",
                f"缺少 Python 的 venv 模块。请运行：sudo apt install {package}（或 python3-venv）",
            )
        ) from None


def works(python):
    """Whether a command of that name is there and starts (a version manager's shim may be there and not start)."""
    return shutil.which(python) is not None and subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0


def check_folder():
    """Raises: Unfit, where .venv can't be written."""
    probe = os.path.join(VENV if os.path.isdir(VENV) else ROOT, ".guiju-probe")
    try:
        with open(probe, "w"):
            pass
        os.unlink(probe)
    except OSError as problem:
        folder = os.path.dirname(probe)
        raise Unfit(
            words(
                f"{folder} can't be written ({problem.strerror}). "
                "Clone Guiju into a folder of yours, or change the folder's owner.",
                f"无法写入 {folder}（{problem.strerror}）。请把规矩克隆到您自己的文件夹，或更改该文件夹的所有者。",
            )
        ) from None


def fingerprint(kind):
    """Digest of all that decides what is installed."""
    digest = hashlib.sha256(f"{kind} {sys.version} {ROOT}".encode())
    for name in [os.path.join("requirements", lock) for lock, _, _ in LOCKS[kind]] + ["pyproject.toml"]:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def stamp(kind):
    """Path of the stamp of `kind`."""
    return os.path.join(VENV, f".guiju-{kind}")


def stamped(kind):
    """The digest that was installed last; "" where none was."""
    try:
        with open(stamp(kind)) as file:
            return file.read()
    except OSError:
        return ""


def make_venv():
    """A fresh .venv, unless the one there was made by this very Python at this very place."""
    python = os.path.join(VENV, "bin", "python")
    probe = "import sys; print(sys.version); print(sys.prefix); import pip"
    try:
        told = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        told = ""
    if told == f"{sys.version}\n{VENV}\n":
        return
    version = sys.version.split()[0]
    say(words(f"Making .venv with Python {version}", f"正在用 Python {version} 建立 .venv"))
    command = [sys.executable, "-m", "venv", "--clear", VENV]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        said = done.stdout.strip()
        reason = (
            full_disk() if no_space(said) else words("python3 -m venv failed:", "python3 -m venv 失败：") + f"\n{said}"
        )
        raise Unfit(reason)


def install(title, arguments):
    """pip install, its output reduced to one line of progress; returns whether it succeeded."""
    total = count(arguments[-1]) if arguments[-1].endswith(".lock") else 1
    command = [os.path.join(VENV, "bin", "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    progress = Progress(title, total)
    tail = []
    environment = dict(os.environ, PYTHONUNBUFFERED="1", PIP_ROOT_USER_ACTION="ignore")
    with subprocess.Popen(
        command + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=ROOT
    ) as pip:
        for line in pip.stdout:
            tail = [*tail, line.rstrip()][-25:]
            progress.read(line.strip())
    progress.end(pip.returncode == 0)
    if pip.returncode:
        say(failure(title, tail))
    return pip.returncode == 0


def failure(title, tail):
    """What a person can do about a pip that ended with an error; what it said itself where that is all there is."""
    said = "\n".join(tail)
    if no_space(said):
        return full_disk()
    mirror = "export PIP_INDEX_URL=https://pypi.tuna.tsinghua.edu.cn/simple"
    if re.search("Failed to establish a new connection|ConnectTimeout|Read timed out|ProxyError|ConnectionReset", said):
        return words(
            "The packages can't be fetched: there is no way from here to pypi.org (or to the index that pip is set to). "
            "Connect this machine, or name a mirror, as\n  " + mirror + "\nand run make again.",
            "无法下载软件包：本机连不上 pypi.org（或 pip 所设的软件源）。请联网，或换用镜像，例如\n  "
            + mirror
            + "\n然后重新运行 make。",
        )
    return said + "\n\n" + words(f"pip could not install: {title}.", f"pip 未能安装：{title}。")


def no_space(said):
    """Whether a full disk was the reason."""
    return "No space left on device" in said or "Disk quota exceeded" in said


def full_disk():
    """The sentence for it."""
    return words(
        f"The disk of {ROOT} or of the temporary files is full; about 600 MB are needed. Make room, then run make again.",
        f"{ROOT} 或临时文件所在的磁盘已满；大约需要 600 MB。请腾出空间后重新运行 make。",
    )


def count(lock):
    """Packages that a lock file names."""
    with open(lock) as file:
        return sum(1 for line in file if re.match(r"[A-Za-z0-9]", line))


class Progress:
    """What pip is doing: on a terminal one line that changes and counts seconds, elsewhere a few lines."""

    def __init__(self, title, total):
        self.title, self.total, self.seen = title, total, 0
        self.live = sys.stderr.isatty()
        self.what, self.since = "", time.monotonic()
        self.over = threading.Event()
        self.clock = threading.Thread(target=self.tick, daemon=True)
        if self.live:
            self.clock.start()

    def tick(self):
        """A large download says nothing for minutes; the seconds show that it goes on."""
        while not self.over.wait(0.5):
            self.draw()

    def read(self, line):
        """Take a line of pip's."""
        word, _, rest = line.partition(" ")
        if line.startswith("Requirement already satisfied"):
            self.seen += 1
        elif word in ("Collecting", "Processing", "Obtaining"):
            self.seen += 1
            self.show(package(rest), worth_a_line=self.seen % 10 == 0)
        elif word == "Downloading":
            size = re.search(r"\(([\d.]+ [kMG]B)\)", line)
            large = size is not None and size.group(1).endswith(("MB", "GB"))
            if large:
                self.show(f"{package(rest)}, {size.group(1)}", worth_a_line=True)
        elif line.startswith("Installing collected"):
            self.show(words("unpacking", "正在解包"), worth_a_line=True)

    def show(self, what, worth_a_line):
        """Say what is being done; where lines can't be changed, only now and then."""
        self.what, self.since = what, time.monotonic()
        if self.live:
            self.draw()
        elif worth_a_line:
            say(self.line())

    def line(self):
        """The line as it stands."""
        return f"  {self.title:13} {min(self.seen, self.total):3}/{self.total}  {self.what}"

    def draw(self):
        """Write the line over itself."""
        seconds = int(time.monotonic() - self.since)
        text = self.line() + (f"  ({seconds} s)" if seconds > 1 else "")
        sys.stderr.write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()

    def end(self, well):
        """The last line."""
        self.over.set()
        if self.live:
            self.clock.join()
            sys.stderr.write("\r\x1b[K")
        say(f"  {self.title:13} {words('done', '完成') if well else words('failed', '失败')}")


def package(words):
    """The package's name in what pip says of a requirement, a file or a URL."""
    return re.split(r"[=<>~;@(]|-\d", words.split(" ")[0].rsplit("/", 1)[-1])[0]


def words(english, chinese):
    """The one that the terminal's language asks for; as guiju.cli.main.language, which can't be imported yet."""
    set_to = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return chinese if set_to.lower().startswith("zh") else english


def say(text):
    """One line to the person; stdout stays free for what is run next."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        say("usage: bootstrap.py run|dev")
        sys.exit(3)
    sys.exit(main(sys.argv[1]))
