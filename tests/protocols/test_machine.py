"""Loops as machine code: what is kept, what is loaded, what is refused."""

import importlib.util
import itertools
import subprocess
import sys

import numpy as np
import pytest

from protocols.kernels import machine
from protocols.kernels.machine import store

SOURCE = """
from numpy import intp, uint32, uint64

from protocols.kernels.machine import array, compiled, compiled_for_words, gives, inside, reads, step, void

upper = step("upper")
flat = step("flat")
scratch = step("scratch", "uint64", 2, 3)


@inside(gives(uint64, uint64))
def scaled(x):
    return x * uint64(FACTOR)


@compiled_for_words(lambda word: void(reads(word, 2), array(word, 2)))
def scale(a, out):
    x, y = flat(a), flat(out)
    for i in range(x.size):
        y[i] = scaled(uint64(x[i]))


@compiled(gives(uint64, uint64, uint64, intp))
def upper_less(a, b, less):
    room = scratch()
    room[1, 2] = upper(a, b)
    return room[1, 2] - uint64(less)
"""

names = itertools.count()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's cache lies in a folder of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def module(folder, factor=3):
    """Load a module of loops from a folder, as a process that starts would."""
    path = folder / "some_loops.py"
    path.write_text(SOURCE.replace("FACTOR", str(factor)))
    name = f"some_loops_{next(names)}"
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    machine.ready()
    return loaded


def scaled(loops, dtype=np.uint64):
    a = np.arange(6, dtype=dtype).reshape(2, 3) + dtype(2**31)
    out = np.empty_like(a)
    loops.scale(a, out)
    return a, out


def kept(folder):
    return sorted(folder.rglob("*.loops"))


@pytest.fixture
def compilations(monkeypatch):
    """Count how often the compiler is called."""
    from protocols.kernels.machine import compiler

    found, compile_ = [], compiler.machine_code
    monkeypatch.setattr(compiler, "machine_code", lambda wanted: found.append(wanted) or compile_(wanted))
    return found


def test_loops_compute_for_both_words_and_are_compiled_once(home, compilations):
    for _ in range(2):
        loops = module(home)
        for dtype in (np.uint32, np.uint64):
            a, out = scaled(loops, dtype)
            assert (out == a * dtype(3)).all()
        assert loops.upper_less(2**64 - 1, 2**63, -1) == 2**63
        assert len(compilations) == 1
        assert len(kept(home)) == 1


def test_a_changed_source_is_compiled_again(home, compilations):
    for factor in (3, 11):  # Python tells its own bytecode's age by the source's second and size
        a, out = scaled(module(home, factor))
        assert (out == a * np.uint64(factor)).all()
    assert len(compilations) == 2
    assert len(kept(home)) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
        lambda whole: whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:],
        lambda whole: b"not a file of ours",
        lambda whole: b"\x93\x01\x02\x03",
    ],
    ids=["empty", "half", "last byte", "a byte of code", "text", "a list"],
)
def test_a_damaged_file_is_compiled_again(home, compilations, damage):
    module(home)
    (path,) = kept(home)
    path.write_bytes(damage(path.read_bytes()))
    a, out = scaled(module(home))
    assert (out == a * np.uint64(3)).all()
    assert len(compilations) == 2


def test_where_nothing_can_be_kept_code_is_this_process_alone(home, compilations, monkeypatch):
    (home / "file").write_text("no folder")
    monkeypatch.setattr(store, "_places", lambda source: [home / "file" / "x.loops"])
    a, out = scaled(module(home))
    assert (out == a * np.uint64(3)).all()
    assert kept(home) == []


def test_where_the_modules_folder_cannot_be_written_the_users_cache_is(home, compilations):
    (home / "__pycache__").write_text("no folder")
    for _ in range(2):
        scaled(module(home))
    assert len(compilations) == 1
    (path,) = kept(home)
    assert path.is_relative_to(home / "cache" / "mpcsim")


def test_arrays_that_do_not_fit_are_refused(home):
    loops = module(home)
    good = np.zeros((2, 3), np.uint64)
    frozen = good.copy()
    frozen.setflags(write=False)
    unaligned = np.zeros(49, np.uint8)[1:].view(np.uint64).reshape(2, 3)
    loops.scale(frozen, good)
    for a, out in [
        (good, frozen),
        (good.T, good),
        (good, good[:, ::-1]),
        (good.astype(np.int64), good),
        (good.astype(np.uint32), good),
        (good[0], good),
        (unaligned, good),
    ]:
        with pytest.raises(TypeError, match=r"scale: .* accepted is uint"):
            loops.scale(a, out)
    with pytest.raises(ValueError, match="zip"):
        loops.scale(good)


def test_a_run_with_kept_code_does_without_the_compiler():
    __import__("protocols.kernels.galois")  # compiled by now
    code = "import sys, protocols.kernels.galois; print({'numba', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
