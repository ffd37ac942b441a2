"""Examples of pages: lines to type, and what they print, which comes from running them here.

A block of `sh` followed by the mark `<!-- prints -->` is run, and the mark becomes what it printed:
`<!-- prints 8 lines -->` shows so many, `<!-- prints status 1 -->` says that its last line is to fail.
The blocks of a page run in order in one empty folder, where one that begins `# NAME.toml` or `# NAME.py` is
a file. `make docs` runs the pages that changed, and all where the code did; before that nothing is shown.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from pages import ROOT

from mpcsim.__main__ import main as mpcsim

RUN = ROOT / ".docs" / "examples"
"""Where pages are kept as they ran, by what decides them."""
WRITTEN = ROOT / "docs" / "commands"
_CODE = ("mpcsim", "protocols", "scenarios", "analysis")
_MARK = r"\n<!-- (prints)(?: (\d+) lines)?(?: status (\d))? -->\n"
_BLOCK = re.compile(rf"```(\w+)\n(.*?)```\n(?:{_MARK})?", re.DOTALL)
_FILE = re.compile(r"# (\S+\.(?:py|toml))\n")
_SCREEN = {"COLUMNS": "100", "LINES": "50", "FORCE_COLOR": "1", "TERM": "dumb", "MPCSIM_LOG": "off"}
"""A terminal of 100 columns that knows no colours."""


class Stale(Exception):
    """An example does not do what its page says."""


@dataclass(frozen=True)
class Example:
    """A block of a page.

    Attributes:
        language: of the block.
        body: its text.
        shown: whether what it prints is shown.
        kept: how many lines of that; None: all.
        status: the exit status of its last command.
    """

    language: str
    body: str
    shown: bool
    kept: int | None
    status: int

    @property
    def commands(self) -> list[str]:
        """Its commands; one that goes on over several lines is one."""
        found: list[str] = []
        for line in self.body.splitlines() if self.language == "sh" else ():
            goes_on = found and (found[-1].endswith("\\") or found[-1].count("'") % 2)
            found[-1:] = [f"{found[-1]}\n{line}"] if goes_on else [*found[-1:], line]
        return found


def examples(text: str) -> Iterator[tuple[re.Match[str], Example]]:
    """Yield the blocks of a page, and where they stand."""
    for found in _BLOCK.finditer(text):
        language, body, shown, kept, status = found.groups()
        yield found, Example(language, body, bool(shown), int(kept) if kept else None, int(status or 0))


def run(text: str) -> str:
    """Return a page with what its examples print.

    Raises:
        Stale: a command ended with another status than its page says.
    """
    parts, end = [], 0
    with TemporaryDirectory(prefix="examples-") as name, chdir(name):
        for found, one in examples(text):
            if file := _FILE.match(one.body):
                Path(file[1]).write_text(one.body, encoding="utf-8")
            *before, last = one.commands or [""]
            printed = "".join([*map(_run, before), _run(last, one.status)])
            parts += [text[end : found.start()], f"```{one.language}\n{one.body}```\n"]
            if one.shown:
                parts.append(f"\n```text\n{_cut(printed.replace(f'{name}/', ''), one.kept)}\n```\n")
            end = found.end()
    return "".join([*parts, text[end:]])


def printed(text: str) -> str:
    """Return a page as it ran, where it ran with this code."""
    file = _file(text)
    return file.read_text(encoding="utf-8") if file.is_file() else text


def _run(line: str, status: int = 0) -> str:
    command, _, reader = line.partition(" | ")
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    if words[:1] == ["mpcsim"] and "&" not in words:  # here, where what commands import is imported already
        found, said = _mpcsim(words[1:])
        if reader and not found:
            found, said = _shell(reader, said)
    else:
        found, said = _shell(line)
    if found != status:
        raise Stale(f"{line}: ended with status {found}, not {status}:\n{said}")
    return said


def _mpcsim(words: list[str]) -> tuple[int, str]:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), patch.dict(os.environ, _SCREEN):
        try:
            mpcsim(words)
        except SystemExit as end:
            return int(end.code or 0), said.getvalue()


def _shell(line: str, given: str = "") -> tuple[int, str]:
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line],
        env=os.environ | _SCREEN | {"PATH": paths},
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _cut(said: str, kept: int | None) -> str:
    lines = [line.rstrip() for line in said.strip("\n").splitlines()]
    return "\n".join(lines if kept is None or kept >= len(lines) else [*lines[:kept], "…"])


def _file(text: str) -> Path:
    decides = hashlib.blake2b(text.encode(), digest_size=8)
    for room in _CODE:
        for file in sorted((ROOT / room).rglob("*")):
            if file.suffix in {".py", ".toml"}:
                decides.update(file.read_bytes())
    return RUN / f"{decides.hexdigest()}.md"


def main() -> None:
    """Run the pages that did not run with this code, and forget what others printed."""
    RUN.mkdir(parents=True, exist_ok=True)
    kept = set()
    for page in sorted(WRITTEN.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        kept.add(file := _file(text))
        if not file.is_file():
            print(page.relative_to(ROOT), flush=True)
            file.write_text(run(text), encoding="utf-8")
    for file in set(RUN.iterdir()) - kept:
        file.unlink()


if __name__ == "__main__":
    main()
