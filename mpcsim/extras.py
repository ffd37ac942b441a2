"""Extras: what a command needs beyond running and printing, and the line that installs it."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires

_MODULES = {  # whose package has another name
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
_COLLECTIONS = ("all", "test", "check")
_REQUIREMENT = re.compile(r"""(?P<package>[\w.-]+).*;.*extra\s*==\s*['"](?P<extra>\w+)['"]""")


def missing(error: ModuleNotFoundError) -> str | None:
    """Return what to install for a module that is not there; None where no extra of mpcsim brings it."""
    module = (error.name or "").partition(".")[0]
    package = _MODULES.get(module, module)
    for name, extra in _brought():
        if name == package:
            return (
                f"{package} is not installed, and this needs it; run: "
                f"python -m pip install 'mpcsim[{extra}]' (all extras: 'mpcsim[all]')"
            )
    return None


def _brought() -> list[tuple[str, str]]:
    """Return (package, extra) of every requirement of an extra."""
    try:
        wanted = requires("mpcsim") or []
    except PackageNotFoundError:
        return []
    found = [_REQUIREMENT.match(one) for one in wanted]
    return [(one["package"], one["extra"]) for one in found if one and one["extra"] not in _COLLECTIONS]
