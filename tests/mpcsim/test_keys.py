"""Keys of scenarios, read off the models that validate them."""

from dataclasses import fields
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from mpcsim import Network
from mpcsim.faults import RULES
from mpcsim.scenario.keys import engine_tables, tables_of, workload_tables
from mpcsim.scenario_file import ENGINE_KEYS
from mpcsim.units import BYTES


class _Circle(BaseModel):
    """Round."""

    shape: Literal["circle"] = "circle"
    radius: Annotated[float, Field(gt=0)] = Field(description="of it")


class _Square(BaseModel):
    """Not round.

    Attributes:
        side: of it,
            all four.
    """

    shape: Literal["square"] = "square"
    side: Annotated[int, Field(ge=1, le=9), BYTES] | None = None


class _Drawing(BaseModel):
    title: str = Field(default="", description="above")
    shapes: tuple[Annotated[_Circle | _Square, Field(discriminator="shape")], ...] = ()
    frame: _Square = _Square()


def tables():
    return {table.heading: table for table in tables_of(_Drawing)}


def test_a_key_has_its_type_unit_default_and_meaning():
    (radius,) = tables()['[[shapes]] shape = "circle"'].keys
    assert (radius.type, radius.unit, radius.default, radius.meaning) == ("number, > 0", "", None, "of it")
    (side,) = tables()['[[shapes]] shape = "square"'].keys
    assert (side.type, side.unit, side.default) == ("whole number, ≥ 1, ≤ 9", "bytes", "")
    assert side.meaning == "of it, all four"


def test_a_table_for_each_kind_and_one_for_a_table_inside():
    assert list(tables()) == [
        "at the top",
        '[[shapes]] shape = "circle"',
        '[[shapes]] shape = "square"',
        "[frame]",
    ]
    assert [key.name for key in tables()["at the top"].keys] == ["title"]
    assert tables()["[frame]"].about == "Not round."
    assert [key.name for key in tables()["[frame]"].keys] == ["shape", "side"]


def test_the_engine_accepts_no_key_that_is_not_listed():
    found = {table.path for table in engine_tables()} | {key.name for key in engine_tables()[0].keys}
    assert set(ENGINE_KEYS) - found == {"workload"}
    listed = {key.name for table in engine_tables() if table.path == "network" for key in table.keys}
    inside = {table.path.split(".")[1] for table in engine_tables() if table.path.startswith("network.")}
    assert listed | inside == {part.name for part in fields(Network)}
    kinds = [table for table in engine_tables() if table.path == "faults"]
    assert len(kinds) == len(RULES)


@pytest.mark.parametrize("name", ["private_inference", "link_probe"])
def test_tables_of_a_shipped_workload_are_found_by_its_name(name):
    assert "[workload]" in {table.heading for table in workload_tables("link_probe")}
    assert [table for table in workload_tables(name) if table.keys]
