import tomllib
from pathlib import Path

import pytest

import mpcsim
from mpcsim import extras
from mpcsim.__main__ import main

PROJECT = tomllib.loads((Path(mpcsim.__file__).parent.parent / "pyproject.toml").read_text("utf-8"))[
    "project"
]
NEEDED = {"cluster", "images", "parquet", "report", "validate"}


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("matplotlib", "report"), ("matplotlib.figure", "report"), ("pandas", "report"),
        ("sympy", "validate"), ("pyarrow.parquet", "parquet"), ("PIL", "images"), ("skimage.io", "images"),
        ("dask", "cluster"),
    ],
)  # fmt: skip
def test_a_missing_module_names_the_line_that_installs_its_extra(module, extra, monkeypatch, capsys):
    def without():
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr("mpcsim.cli.line.build", lambda _: lambda *_, **__: without())
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert f"pip install 'mpcsim[{extra}]'" in told
    assert "Traceback" not in told


def test_a_module_that_no_extra_brings_is_no_matter_of_extras():
    assert extras.missing(ModuleNotFoundError("No module named 'mine'", name="mine")) is None
    assert extras.missing(ModuleNotFoundError("no name")) is None


def test_all_holds_every_extra():
    [everything] = PROJECT["optional-dependencies"]["all"]
    names = set(everything.removeprefix("mpcsim[").removesuffix("]").split(","))
    assert names == PROJECT["optional-dependencies"].keys() - {"all"}
    assert names >= NEEDED
