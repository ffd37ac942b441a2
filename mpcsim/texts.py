"""Text of a user's making, such as names of spans and roles, on its way to screens, pages and files.

A name may hold anything that a string can: control characters, lone surrogates, line ends, brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_SURROGATES = re.compile("[\ud800-\udfff]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
LONGEST = 60
"""Characters of a name that are shown."""
SENTENCE = 400
"""Characters of a sentence that are shown, such as why a party aborted."""
_FEW = 100  # cases, of which a tenth of a percent would say more than there is


def whole(text: str) -> str:
    """Return text whose pairs of surrogates are the characters that they stand for, as JSON reads them."""
    if is_text(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def is_text(text: str) -> bool:
    """Whether UTF-8 can hold a text: it has no surrogates."""
    return text.isascii() or not _SURROGATES.search(text)


def utf8(text: str) -> bytes:
    """Return the bytes of any text; a lone surrogate is encoded as if it were a character."""
    return text.encode("utf-8", "surrogatepass")


def escaped(text: str) -> str:
    r"""Return text in which what cannot be seen is written out: \n, \x1b, \u202e, \ud800.

    Letters of every script and spaces stay; line ends, controls and lone surrogates do not.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _written(one) for one in text)


def _written(one: str) -> str:
    code = ord(one)
    return _SHORT.get(one) or (f"\\x{code:02x}" if code < 2**8 else f"\\u{code:04x}"
                               if code < 2**16 else f"\\U{code:08x}")  # fmt: skip


def storable(text: str) -> str:
    """Return text for a table of UTF-8: itself, or escaped where it has a lone surrogate."""
    return text if is_text(text) else escaped(text)


def cut(name: str, longest: int = LONGEST) -> str:
    """Return a name with "…" for the middle of a long one."""
    return name if len(name) <= longest else f"{name[: longest // 2]}…{name[-(longest // 2) :]}"


def shown(name: str, longest: int = LONGEST) -> str:
    """Return a name as people see it: escaped, not long, and never empty."""
    return escaped(cut(name, longest)) or '""'


def percent(share: float) -> str:
    """Return a share in percent, to a tenth; what is there at all is not "0.0%"."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def out_of(share: float, count: int) -> str:
    """Return how many of a few were right, "7 of 8", and of more than a hundred their share, "93.7%"."""
    return f"{share:.1%}" if count > _FEW else f"{round(share * count)} of {count}"


def plural(count: int, what: str) -> str:
    """Return a count and its word: "1 round", "2 rounds", "2 passes", "2 parties"."""
    if count == 1:
        return f"1 {what}"
    if what.endswith("y"):
        return f"{count:,} {what[:-1]}ies"
    return f"{count:,} {what}{'es' if what.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def to_json(value: Any, indent: int | None = 2, default: Callable[[Any], Any] | None = None) -> str:
    """Return JSON that UTF-8 can hold: letters as they are, lone surrogates as their escapes.

    Args:
        value: what `json.dumps` takes.
        indent: None for all on one line.
        default: what to write for what JSON has no form for.

    Raises:
        ValueError: a number is not finite.
    """
    marks = (",", ":") if indent is None else None
    text = json.dumps(
        value, indent=indent, ensure_ascii=False, allow_nan=False, separators=marks, default=default
    )
    return _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
