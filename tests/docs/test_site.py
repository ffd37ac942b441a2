"""The documentation site: its generated pages are whole, and what it tells people to type can be typed."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import typer.main

from analysis.figures.plot import KINDS
from mpcsim import plugins
from mpcsim.cli.app import build
from mpcsim.scenario import keys

ROOT = Path(__file__).parents[2]
MAKE = ROOT / "docs" / "make"
TASKS = ROOT / "docs" / "tasks.md"
LONG = pytest.mark.skipif("MPCSIM_LONG" not in os.environ, reason="MPCSIM_LONG=1 runs it: half a minute")
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# (\S+\.(?:py|toml))\n")


@pytest.fixture(scope="module")
def make():
    """Return how to import a generator of pages."""
    before = set(sys.modules)
    sys.path.insert(0, str(MAKE))
    yield importlib.import_module
    sys.path.remove(str(MAKE))
    for name in set(sys.modules) - before:
        if (MAKE / f"{name}.py").is_file():
            del sys.modules[name]


@cache
def commands():
    def walk(group, name):
        for part, command in group.commands.items():
            yield f"{name} {part}".strip(), command
            if hasattr(command, "commands"):
                yield from walk(command, f"{name} {part}".strip())

    return dict(walk(typer.main.get_command(build()), ""))


def check(line):
    """Let the command line read a line, without running it."""
    program, name, *words = shlex.split(line, comments=True)
    assert program == "mpcsim", line
    commands()[name].make_context(name, words)


def lines(text):
    shown = [body for language, body in FENCE.findall(text) if language == "sh"]
    return [line for body in shown for line in body.splitlines() if not line.startswith("#")]


def test_every_command_has_a_page_with_all_its_options(make):
    pages = make("commands").pages()
    for name, command in commands().items():
        page = pages[f"commands/{name.replace(' ', '_')}.md"]
        for one in command.params:
            if one.param_type_name == "option" and one.name != "help":
                assert f"`{one.opts[0]}`" in page, (name, one.opts)


def test_every_command_has_examples_that_can_be_typed(make):
    sessions = make("sessions")
    assert {page.stem.replace("_", " ") for page in sessions.WRITTEN.glob("*.md")} == set(commands())
    for page in sessions.WRITTEN.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# mpcsim {page.stem.replace('_', ' ')}\n")
        assert "<!-- help -->" in text
        shown = [one for _, one in sessions.examples(text) if one.shown]
        assert shown, page
        assert text.count("<!-- prints") == len(shown)
        typed = [line for _, one in sessions.examples(text) for line in one.commands]
        parts = [
            part.strip() for line in typed for part in re.split(r" [|&] | &\s|;", line.replace("\\\n", ""))
        ]
        ours = [part for part in parts if part.startswith("mpcsim ")]
        assert any(part.startswith(f"mpcsim {page.stem.replace('_', ' ')}") for part in ours), page
        for part in ours:
            check(part)


def test_examples_show_what_their_commands_print(make):
    sessions = make("sessions")
    text = """# one.py
print(*range(3), sep="\\n")
"""
    page = f"""```python\n{text}```

```sh
python one.py
python one.py | python -c '
import sys
print(len(sys.stdin.readlines()))'
```

<!-- prints 5 lines -->

```sh
mpcsim list functions --ring 1,2,3
```

<!-- prints status 2 -->

```sh
mpcsim list families --json | python -c '
import json, sys
print(json.load(sys.stdin)["families"][0]["name"])'
```

<!-- prints -->
"""
    printed = [body for language, body in FENCE.findall(sessions.run(page)) if language == "text"]
    assert printed[0] == "0\n1\n2\n3\n"
    assert "accepted" in printed[1]
    assert printed[2] == "dealer2\n"


@pytest.mark.parametrize("line", ["mpcsim run nothing_of_that_name", "mpcsim runn lenet", "python -c 'no'"])
def test_an_example_that_no_longer_works_is_refused(make, line):
    sessions = make("sessions")
    with pytest.raises(sessions.Stale, match="ended with status"):
        sessions.run(f"```sh\n{line}\n```\n")


@LONG
def test_the_examples_of_every_command_run(make):
    sessions = make("sessions")
    for page in sessions.WRITTEN.glob("*.md"):
        assert "```text\n" in sessions.run(page.read_text(encoding="utf-8"))


def test_every_key_of_every_workload_is_on_a_page(make):
    text = "\n".join(make("keys").pages().values())
    for table in [
        *keys.engine_tables(),
        *(t for n in plugins.workloads() for t in keys.workload_tables(n)),
    ]:
        for key in table.keys:
            assert f"| `{key.name}` |" in text, (table.heading, key.name)


def test_every_operation_with_a_formula_is_on_the_page_of_costs(make):
    costs = make("costs")
    page = costs.pages()["costs.md"]
    for family in costs.families():
        for op in costs.operations(family):
            assert re.search(rf"^\| `{op}` \| .*\d", page.partition(f"\n## {family}\n")[2], re.MULTILINE), (
                op
            )


def test_every_kind_of_figure_is_in_the_gallery_and_its_commands_can_be_typed(make):
    gallery = make("gallery")
    assert {one.kind for one in gallery.PICTURES} == {kind.name for kind in KINDS}
    for line in [*gallery.RUNS.values(), *(one.command for one in gallery.PICTURES), gallery.REPORT]:
        check(line)


def test_every_shipped_scenario_is_on_the_page_of_scenarios_with_its_file_and_the_keys_of_its_workload(
    make,
):
    page, keys_of = make("shipped").pages()["scenarios.md"], make("keys").pages()
    files = [file for folder in plugins.scenario_folders() for file in folder.glob("*.toml")]
    assert len(files) > 40
    for file in files:
        told = page.partition(f"\n## {file.stem}\n")[2].partition("\n## ")[0]
        assert file.read_text(encoding="utf-8").strip() in told, file.stem
        assert re.search(r"\]\((keys/\w+\.md)\)", told)[1] in keys_of


def test_a_name_that_two_faces_offer_is_told_once(make):
    pages = make("reference").pages()
    told = [path for text in pages.values() for path in re.findall(r"^::: (\S+)$", text, re.MULTILINE)]
    assert len(told) == len(set(told)) > 300
    assert "mpcsim.simulate.simulate" in told


def test_what_the_tasks_say_can_be_typed():
    found = lines(TASKS.read_text(encoding="utf-8"))
    assert len(found) > 20
    for line in found:
        check(line)


def test_every_line_of_every_page_that_calls_mpcsim_can_be_typed():
    found = 0
    for page in (ROOT / "README.md", *sorted(ROOT.glob("examples/*.md")), *sorted(ROOT.glob("docs/*.md"))):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in lines(text):
            if line.startswith("mpcsim ") and "…" not in line:
                found += 1
                check(line)
    assert found > 30


def test_a_line_that_cannot_be_typed_is_found():
    with pytest.raises(Exception, match="--latency"):
        check("mpcsim run pomic_inference --latency 3")
    with pytest.raises(KeyError):
        check("mpcsim runn pomic_inference")


@LONG
def test_the_ten_tasks_can_be_done_in_an_empty_folder(tmp_path):
    text = TASKS.read_text(encoding="utf-8")
    for _, body in FENCE.findall(text):
        if name := FILE.match(body):
            (tmp_path / name[1]).write_text(body, encoding="utf-8")
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in lines(text):
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=os.environ | {"PATH": paths},
            capture_output=True,
            text=True,
        )
        stopped = "halt_after" in line
        assert done.returncode == (3 if stopped else 0), f"{line}\n{done.stdout}{done.stderr}"


# Links


def site(tmp_path, body):
    (tmp_path / "other.html").write_text('<h1 id="there">x</h1>', encoding="utf-8")
    (tmp_path / "index.html").write_text(f"<html>{body}</html>", encoding="utf-8")
    return tmp_path


def test_links_that_lead_somewhere_are_no_problem(make, tmp_path):
    body = '<a href="other.html#there">a</a> <a id="x" href="#x">b</a> <a href="https://example.org">c</a>'
    assert make("links").problems(site(tmp_path, body)) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="gone.html">a</a>', "gone.html leads nowhere"),
        ('<a href="other.html#gone">a</a>', "other.html#gone leads nowhere"),
        ('<img alt="" src="gone.svg">', "gone.svg leads nowhere"),
        ('<script src="https://example.org/x.js"></script>', "fetches https://example.org/x.js"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "fetches //example.org/x.css"),
    ],
)
def test_a_link_that_leads_nowhere_and_what_is_fetched_are_found(make, tmp_path, body, said):
    assert make("links").problems(site(tmp_path, body)) == [f"index.html: {said}"]
