"""The house: folders with one purpose and a public face, arrows one way, nothing too large to read."""

import functools
import importlib
import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
rooms = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rooms)

FILES = rooms.modules()
MOST_MODULES = 16
MOST_LINES = 400
PAGE = ROOT / "docs" / "architecture.md"


@functools.cache
def edges():
    """Return every import among modules: read once, and not where tests are only listed."""
    return rooms.imports(FILES)


def folder(module):
    return rooms.folder(module, FILES)


def circles(graph):
    """Return the sets of nodes that reach each other."""
    reached = {node: rooms.reach(graph, node) for node in graph}
    return {
        frozenset(other for other in reached[node] if node in reached.get(other, ()))
        for node in graph
        if node in reached[node]
    }


def graph_of(pairs):
    graph = {}
    for one, other in pairs:
        graph.setdefault(one, set())
        if one != other:
            graph[one].add(other)
    return graph


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {frozenset("bc")}
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == set()


def test_no_modules_import_each_other_in_a_circle():
    # A package's face imports its modules, so that importing the face from inside would be a circle too.
    faces = {(name, other) for name, other, _ in edges()}
    assert circles(graph_of(faces)) == set()


def test_no_folders_import_each_other_in_a_circle():
    assert circles(graph_of({(folder(one), folder(other)) for one, other, _ in edges()})) == set()


def test_a_folder_is_reached_through_its_face():
    wrong = []
    for importer, imported, name in edges():
        home = folder(imported)
        if home == imported and (name is not None or "." not in imported.partition(".")[2]):
            continue  # a name of a face, or a module at the top of a room
        if folder(importer) == home or importer.startswith(f"{home}."):
            continue  # among themselves, and from a folder inside
        face = importlib.import_module(home if home != imported else imported.rpartition(".")[0])
        last = imported.rpartition(".")[2]
        if name is None and (last in getattr(face, "__all__", ()) or f"`{last}`" in (face.__doc__ or "")):
            continue  # a module that the face offers as a whole
        wrong.append(f"{importer} imports {imported}" + (f".{name}" if name else ""))
    assert sorted(wrong) == []


def test_what_a_face_offers_is_there():
    for name, file in FILES.items():
        if file.name == "__init__.py":
            face = importlib.import_module(name)
            assert face.__doc__, name
            missing = [one for one in getattr(face, "__all__", ()) if not hasattr(face, one)]
            assert missing == [], name


def test_no_folder_is_crowded():
    counts = {}
    for file in FILES.values():
        counts[file.parent] = counts.get(file.parent, 0) + 1
    assert {str(one.relative_to(ROOT)): n for one, n in counts.items() if n > MOST_MODULES} == {}


def test_a_long_file_says_why_in_its_first_lines():
    for file in FILES.values():
        lines = file.read_text(encoding="utf-8").splitlines()
        if len(lines) > MOST_LINES:
            head = "\n".join(lines[:25])
            assert re.search("[Ii]n one file", head), f"{file}: {len(lines)} lines, without a reason"


def test_three_servers_are_a_matter_of_their_family():
    for name, file in FILES.items():
        if name.startswith("protocols.") and not name.startswith("protocols.replicated3"):
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"% 3\b|range\(3\)|== 3\b", text), name


# docs/architecture.md


def test_the_page_names_no_path_that_is_not_there():
    text = PAGE.read_text(encoding="utf-8")
    tops = "mpcsim|protocols|scenarios|analysis|tests|docs|benchmarks|examples"
    paths = re.findall(rf"`((?:{tops})/[\w./-]*)`", text)
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_page_names_every_folder():
    text = PAGE.read_text(encoding="utf-8")
    folders = {file.parent.relative_to(ROOT) for file in FILES.values() if file.name == "__init__.py"}
    assert [str(one) for one in sorted(folders) if f"`{one}/`" not in text] == []


def test_the_figure_is_what_the_code_gives():
    assert rooms.FIGURE.read_text(encoding="utf-8") == rooms.drawn(), "run: python docs/rooms.py"


GROUPS = {
    "mpcsim.commands",
    "mpcsim.lists",
    "mpcsim.scenarios",
    "mpcsim.columns",
    "mpcsim.makespans",
    "mpcsim.families",
}
TEXTS = [*FILES.values(), ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def there(name):
    """Whether a dotted name leads to a module, or to something in one."""
    for length in range(name.count(".") + 1, 0, -1):
        parts = name.split(".")
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found is not None
    return False


def test_a_name_that_is_not_there_is_found():
    assert there("mpcsim.simulate")
    assert there("mpcsim.engine.party.Party.send")
    assert not there("mpcsim.workload.Program")
    assert not there("analysis.no_such_module")


def test_every_module_that_a_text_names_is_there():
    rooms_of = "|".join(rooms.ROOMS)
    missing = []
    for file in TEXTS:
        text = file.read_text(encoding="utf-8")
        named = set(re.findall(rf"`((?:{rooms_of})(?:\.\w+)+)(?:\(\))?`", text))
        named |= set(re.findall(rf"python -m ((?:{rooms_of}|benchmarks)(?:\.\w+)+)", text))
        missing += [f"{file.name}: {name}" for name in sorted(named - GROUPS) if not there(name)]
    assert missing == []


def test_rooms_import_downwards():
    order = {room: height for height, room in enumerate(rooms.ROOMS)}
    up = [(a, b) for a, b, _ in edges() if order[a.partition(".")[0]] < order[b.partition(".")[0]]]
    assert up == []
    assert not any(a.startswith("analysis") and b.startswith("protocols") for a, b, _ in edges())
