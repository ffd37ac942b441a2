"""What the children of a gather share besides messages: objects that two of them can reach and one changes.

A child that uses what a sibling received depends on it though no message says so, and what it does next
may then depend on the network. The engine cannot see a variable being read. It sees what concurrent
children can both reach (through variables, closures, attributes, elements, and the globals of their own
module), looks at it after each of their steps, and takes a change for something that the others may read.

Looked at are lists, dicts, sets, deques, bytearrays, attributes, rebound variables, futures and arrays of
a few numbers. Not seen are what is inside frozen dataclasses, iterators, generators of random numbers and
other state of extensions, large arrays, class attributes, globals of other modules, files, and whatever
lies behind more than some thousand objects.
"""

from __future__ import annotations

import asyncio
import dis
import enum
import functools
import gc
import sys
import types
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from mpcsim.engine.party import Party
from mpcsim.engine.shared import Look, Shared
from mpcsim.engine.strand import Actor

_MOST = 2000  # objects that are looked through at one gather, nearest first
_LONGEST = 1000  # elements of a container that are looked through; of longer ones, the length
_SMALL = 256  # bytes of an array that is looked at
_PLAIN = frozenset(
    {int, float, complex, str, bytes, bool, types.NoneType, range, slice, types.BuiltinFunctionType,
     types.CodeType, types.ModuleType, types.EllipsisType, types.MethodWrapperType,
     functools._lru_cache_wrapper}
)  # fmt: skip
_REBOUND = "="  # before the name of a global variable that some code binds anew
_BINDS = frozenset({"STORE_DEREF", "DELETE_DEREF"})
_MOST_NAMES = 4096
_NAMES: dict[types.CodeType, tuple[str, ...]] = {}
_OWN = frozenset(
    operation.argval
    for start in (Actor.__init__, Party.__init__)
    for operation in dis.get_instructions(start)
    if operation.opname == "STORE_ATTR"
)
"""Attributes of a party that are the engine's."""

_Found = tuple[Any, str]


class _Global:
    """A global variable that code binds anew."""

    __slots__ = ("data", "name")
    _known: ClassVar[dict[tuple[int, str], _Global]] = {}

    def __init__(self, data: dict[str, Any], name: str) -> None:
        self.data = data
        self.name = name

    @classmethod
    def of(cls, data: dict[str, Any], name: str) -> _Global:
        """Return the one that stands for this variable."""
        return cls._known.setdefault((id(data), name), cls(data, name))

    def look(self) -> list[Any]:
        """Return what is bound to it."""
        return [self.data[self.name]] if self.name in self.data else []


def shared_by(coroutines: Sequence[Any], known: Sequence[Shared]) -> list[Shared]:
    """Return what two of some coroutines can reach and change; those of `known` among it are kept."""
    again = {id(one.thing): one for one in known}
    found, rebound = [], set[int]()
    for thing, name in list(_reached_twice(coroutines, rebound)):
        if type(thing) is types.CellType and id(thing) not in rebound:
            continue
        look = _look_of(thing)
        if look is not None:
            if look is _of_attributes:
                thing, look = vars(thing), _of_dict
            found.append(again.get(id(thing)) or Shared(thing, name, look))
    return found


def _reached_twice(coroutines: Sequence[Any], rebound: set[int]) -> Iterator[_Found]:
    """Yield what more than one coroutine reaches, nearest first; add the cells that code binds anew."""
    owner: dict[int, int] = {}
    kept: list[Any] = []  # so that no identity is used twice while we look
    both: deque[_Found] = deque()
    twice: set[int] = set()
    left = _MOST
    for number, coroutine in enumerate(coroutines):
        todo = deque([(coroutine, "")])
        while todo and left:
            thing, name = todo.popleft()
            if type(thing) in _PLAIN or owner.get(id(thing)) == number:
                continue
            if id(thing) in owner:
                if id(thing) not in twice:
                    twice.add(id(thing))
                    both.append((thing, name))
                continue
            owner[id(thing)] = number
            kept.append(thing)
            left -= 1
            todo.extend(_inside(thing, name, rebound))
    seen: set[int] = set()
    left = _MOST
    while both and left:
        thing, name = both.popleft()
        if type(thing) in _PLAIN or id(thing) in seen:
            continue
        seen.add(id(thing))
        kept.append(thing)
        left -= 1
        yield thing, name
        both.extend(_inside(thing, name, rebound))


def _inside(thing: Any, name: str, rebound: set[int]) -> list[_Found]:
    """Return what an object leads to, with names."""
    kind: Any = type(thing)
    if kind in (types.CoroutineType, types.GeneratorType):
        return _in_frames(thing)
    if kind is types.FunctionType:
        return _in_function(thing, rebound)
    if kind is types.MethodType:
        return [(thing.__self__, name or "self"), (thing.__func__, name)]
    if kind is functools.partial:
        return [(part, name) for part in (thing.func, *thing.args, *thing.keywords.values())]
    if kind is types.CellType:
        return [(part, name) for part in _of_cell(thing)]
    if kind is _Global:
        return [(part, name) for part in thing.look()]
    if isinstance(thing, Party):
        return [(value, f"party.{key}") for key, value in vars(thing).items() if key not in _OWN]
    if isinstance(thing, list | tuple | set | frozenset | deque):
        return [(part, name) for part in thing] if len(thing) <= _LONGEST else []
    if isinstance(thing, dict):
        return [(part, name) for part in thing.values()] if len(thing) <= _LONGEST else []
    if _is_frozen(kind) or isinstance(thing, type | np.ndarray | enum.Enum):
        return []
    slots = [(part, f"{name}.{key}") for key, part in _slots(thing)]
    return slots + [(part, f"{name}.{key}") for key, part in getattr(thing, "__dict__", {}).items()]


def _in_frames(coroutine: Any) -> list[_Found]:
    """Return the variables of a coroutine that did not start yet (or of a generator), and its function."""
    frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
    if frame is None:
        return []
    code = frame.f_code
    functions = [one for one in gc.get_referents(coroutine)
                 if type(one) is types.FunctionType and one.__code__ is code]  # fmt: skip
    awaited = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    found: list[_Found] = [(value, key) for key, value in frame.f_locals.items()]
    found += [(one, "") for one in functions]
    return found if awaited is None else [*found, (awaited, "")]


def _in_function(function: types.FunctionType, rebound: set[int]) -> list[_Found]:
    """Return what a function closes over, its defaults, and the data of its module that it names."""
    found: list[_Found] = []
    if function.__closure__:
        stored = _stored(function.__code__)
        for cell, name in zip(function.__closure__, function.__code__.co_freevars, strict=True):
            found.append((cell, name))
            if name in stored:
                rebound.add(id(cell))
    found += [(value, function.__name__) for value in function.__defaults__ or ()]
    if function.__dict__:
        found.append((function.__dict__, function.__name__))
    data = function.__globals__
    for name in _global_data(function.__code__, data):
        if name.startswith(_REBOUND):
            found.append((_Global.of(data, name.removeprefix(_REBOUND)), name.removeprefix(_REBOUND)))
        elif name in data:
            found.append((data[name], name))
    return found


@functools.lru_cache(maxsize=4096)
def _stored(code: types.CodeType) -> frozenset[str]:
    """Return the variables of outer functions that code, or a function in it, binds anew."""
    inner = [_stored(part) for part in code.co_consts if isinstance(part, types.CodeType)]
    own = {
        one.argval for one in dis.get_instructions(code) if one.opname in ("STORE_DEREF", "DELETE_DEREF")
    }
    return frozenset(own.union(*inner)) & frozenset(code.co_freevars)


def _global_data(code: types.CodeType, data: dict[str, Any]) -> tuple[str, ...]:
    """Return the global variables with data that code names, or a function of its module that it names."""
    found = _NAMES.get(code)
    if found is None:
        names, todo, seen = dict[str, None](), [code], set[types.CodeType]()
        while todo:
            part = todo.pop()
            if part in seen:
                continue
            seen.add(part)
            todo += [inner for inner in part.co_consts if isinstance(inner, types.CodeType)]
            for one in dis.get_instructions(part):
                if one.opname == "STORE_GLOBAL":
                    names[_REBOUND + one.argval] = None
                elif one.opname == "LOAD_GLOBAL":
                    value = data.get(one.argval)
                    if isinstance(value, types.FunctionType) and value.__globals__ is data:
                        todo.append(value.__code__)
                    elif not isinstance(value, type | types.FunctionType) and type(value) not in _PLAIN:
                        names[one.argval] = None
        if len(_NAMES) >= _MOST_NAMES:
            _NAMES.clear()
        found = _NAMES[code] = tuple(names)
    return found


# What can change, and how it is looked at


def _look_of(thing: Any) -> Look | None:
    """Return how an object is looked at; None where it cannot change, or is not looked at."""
    kind: Any = type(thing)
    if kind is types.CellType:
        return _of_cell
    if kind is _Global:
        return _Global.look
    if isinstance(thing, Party):
        return _of_party
    if isinstance(thing, list | set | deque):
        return _of_elements
    if isinstance(thing, dict):
        return _of_dict
    if isinstance(thing, bytearray):
        return list if len(thing) <= _SMALL else None
    if isinstance(thing, np.ndarray):
        return _of_array if thing.flags.writeable and thing.nbytes <= _SMALL else None
    if asyncio.isfuture(thing):
        return _of_future
    if isinstance(thing, type | types.FunctionType | types.MethodType | enum.Enum | tuple) or _is_frozen(
        kind
    ):
        return None
    if isinstance(getattr(thing, "__dict__", None), dict):
        return _of_attributes
    return _of_slots if _slots(thing) else None


def _of_elements(thing: Any) -> list[Any]:
    return [*thing] if len(thing) <= _LONGEST else _of_length(thing)


def _of_dict(thing: dict[Any, Any]) -> list[Any]:
    return [*thing, *thing.values()] if len(thing) <= _LONGEST else _of_length(thing)


def _of_length(thing: Any) -> list[Any]:
    return [sys.intern(str(len(thing)))]  # equal texts are one object


def _of_attributes(thing: Any) -> list[Any]:
    return _of_dict(vars(thing))


def _of_cell(thing: types.CellType) -> list[Any]:
    try:
        return [thing.cell_contents]
    except ValueError:  # nothing is bound to the variable yet
        return []


def _of_party(thing: Party) -> list[Any]:
    own = vars(thing)
    return [] if len(own) == len(_OWN) else [value for key, value in own.items() if key not in _OWN]


def _of_array(thing: np.ndarray[Any, Any]) -> list[Any]:
    return list(thing.tobytes())


def _of_future(thing: asyncio.Future[Any]) -> list[Any]:
    return [thing.done()]


def _of_slots(thing: Any) -> list[Any]:
    return [part for _, part in _slots(thing)]


def _slots(thing: Any) -> list[tuple[str, Any]]:
    kind: Any = type(thing)
    return [(name, getattr(thing, name)) for name in _slot_names(kind) if hasattr(thing, name)]


@functools.lru_cache(maxsize=4096)
def _slot_names(kind: type) -> tuple[str, ...]:
    """Return the slots that a class written in Python declares, but for its hidden ones."""
    found: list[str] = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        found += [slots] if isinstance(slots, str) else slots
    return tuple(name for name in found if not name.startswith("__"))


@functools.lru_cache(maxsize=4096)
def _is_engine(kind: type) -> bool:
    """Whether objects of a class are the engine's, or look on from outside (`mpcsim.engine.beside`)."""
    return kind.__module__.partition(".")[0] == "mpcsim" or getattr(kind, "looks_on", False) is True


@functools.lru_cache(maxsize=4096)
def _is_frozen(kind: type) -> bool:
    parameters = getattr(kind, "__dataclass_params__", None)
    settings = getattr(kind, "model_config", None)  # of pydantic
    frozen = parameters is not None and parameters.frozen
    return _is_engine(kind) or frozen or (isinstance(settings, dict) and settings.get("frozen") is True)
