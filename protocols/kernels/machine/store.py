"""Machine code on disk: one file for each module of loops and kind of processor, beside its bytecode.

A file is taken where it was made from the module as it is now by this version of LLVM; otherwise the module
is compiled again. Where neither that folder nor the user's cache can be written, the code is this process's
alone.
"""

import contextlib
import ctypes
import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import msgpack

from mpcsim import log
from protocols.kernels.machine.processor import processor, target_machine
from protocols.kernels.machine.signatures import Wanted

Entry = Callable[[bytes], int]

_prototype = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_char_p)  # Python's lock is released meanwhile
_engines: list[Any] = []
"""What holds the loaded code in memory, to the end of the process."""


def entries(module: str, wanted: Wanted) -> dict[str, Entry]:
    """Return the loaded loops of a module by name, each of which takes its arguments packed as words."""
    source = Path(str(sys.modules[module].__file__))
    made_from = _made_from(source, sorted(wanted))
    for path in _places(source):
        if (code := _read(path, made_from)) is not None:
            return _loaded(code, wanted)
    _say_once()
    from protocols.kernels.machine import compiler  # Numba is imported where it is needed, and there alone

    code = compiler.machine_code(wanted)
    _keep(source, {"made_from": made_from, "code": code, "digest": _digest(code)})
    return _loaded(code, wanted)


def _loaded(code: bytes, names: Wanted) -> dict[str, Entry]:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return {name: _prototype(engine.get_function_address(name)) for name in names}


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


@functools.cache
def _compiler() -> bytes:
    """Return a digest of what turns loops into machine code."""
    here = Path(__file__).parent
    ours = (here / name for name in ("compiler.py", "written.py", "polynomials.py", "signatures.py"))
    head = str(object.__basicsize__)
    return _digest(llvmlite.__version__.encode(), head.encode(), *(path.read_bytes() for path in ours))


def _made_from(source: Path, names: list[str]) -> bytes:
    return _digest(_compiler(), source.read_bytes(), *map(str.encode, names))


def _places(source: Path) -> Iterator[Path]:
    """Yield the files where a module's code may lie, the preferred one first."""
    name = f"{source.stem}.{_digest(*map(str.encode, processor())).hex()[:12]}.loops"
    yield Path(importlib.util.cache_from_source(str(source))).parent / name
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    yield Path(home).expanduser() / "mpcsim" / _digest(str(source.parent).encode()).hex()[:12] / name


def _read(path: Path, made_from: bytes) -> bytes | None:
    """Return the code in a file, if it is whole and made from what is there now."""
    try:
        kept = msgpack.unpackb(path.read_bytes())
    except (OSError, ValueError, msgpack.UnpackException):
        return None
    if not isinstance(kept, dict) or kept.get("made_from") != made_from:
        return None
    code = kept.get("code")
    return code if isinstance(code, bytes) and kept.get("digest") == _digest(code) else None


def _keep(source: Path, kept: dict[str, bytes]) -> None:
    """Write the file at the first place that can be written, whole or not at all."""
    for path in _places(source):
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".loops", dir=path.parent) as scratch:
                file = Path(scratch) / path.name
                file.write_bytes(msgpack.packb(kept))
                file.replace(path)
            return


@functools.cache
def _say_once() -> None:
    log.say("compiling kernels, this once: about half a minute")
