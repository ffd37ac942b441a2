"""No broad except without a reason beside it: one hid for a release that reports had no formulas."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("mpcsim", "protocols", "scenarios", "analysis", "benchmarks", "examples")
BROAD = {"Exception", "BaseException", "AttributeError", "TypeError", "AssertionError"}
"""What an error of our own raises, so that to catch it may be to hide that."""


def broad(source):
    """Return the lines that catch something broad and say no reason."""
    lines = source.splitlines()
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            caught = ast.Tuple(elts=node.args)
        else:
            continue
        names = {ast.unparse(one).rpartition(".")[2] for one in ast.walk(caught)} if caught else BROAD
        if names & BROAD and "  # " not in lines[node.lineno - 1]:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_every_broad_except_says_why(room):
    files = sorted((ROOT / room).rglob("*.py"))
    found = {str(file.relative_to(ROOT)): broad(file.read_text(encoding="utf-8")) for file in files}
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("caught", "wanted"),
    [
        ("except:", [3]), ("except Exception:", [3]), ("except (OSError, builtins.TypeError):", [3]),
        ("except BaseException as e:", [3]), ("except Exception:  # it is a user's code", []),
        ("except OSError:", []), ("except (KeyError, ValueError):", []),
    ],
)  # fmt: skip
def test_a_broad_except_is_found(caught, wanted):
    assert broad(f"try:\n    pass\n{caught}\n    pass\n") == wanted


def test_a_broad_suppress_is_found():
    assert broad("with contextlib.suppress(Exception):\n    pass\n") == [1]
    assert broad("with suppress(OSError):\n    pass\n") == []
