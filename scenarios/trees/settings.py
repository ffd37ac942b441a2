"""The tables of a scenario of trees."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scenarios.data import VerticalSettings
from scenarios.settings import SecureSettings

_Whole = Annotated[int, Field(strict=True)]


class TreeSettings(BaseModel):
    """The `[trees]` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["cart", "boosted"] = Field(
        default="cart", description="boosted: each tree learns what those before it have left"
    )
    height: Annotated[_Whole, Field(ge=1, le=10, description="levels of nodes that test")] = 5
    least_rows: Annotated[_Whole, Field(ge=1, description="rows that either side of a test must have")] = 1
    least_gain: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="what a test must lower the impurity by, weighed by its share of all rows"
    )
    digit: Annotated[_Whole, Field(ge=1, le=8, description="bits of a digit of the sort")] = 3
    count: Annotated[
        _Whole, Field(ge=1, le=1000, description="trees: of several, most votes answer, or means")
    ] = 1
    bootstrap: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="each tree has as many rows, drawn with replacement, which is public"
    )
    attributes: Annotated[_Whole, Field(ge=1)] | None = Field(
        default=None, description="attributes of each tree, drawn in public; all if absent"
    )
    bins: Annotated[_Whole, Field(ge=2, le=256)] = Field(
        default=16, description="boosted: bins of an attribute, of about as many rows each"
    )
    shrinkage: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.3, description="boosted: what each step is multiplied by, to the next 1024th"
    )
    penalty: Annotated[_Whole, Field(ge=1)] = Field(
        default=1, description="boosted: added to the rows of a score and to the curvature of a step"
    )
    grown: Literal["shares", "clear"] = Field(
        default="shares", description="clear: the owner grows the tree of the training rows, and shares it"
    )


class HospitalSettings(BaseModel):
    """The `[hospitals]` table: whose rows they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: Annotated[
        _Whole, Field(ge=1, description="hospitals that hold different patients, or attributes")
    ] = 2


class OutputSettings(BaseModel):
    """The `[output]` table: what is revealed, and to whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tree: Literal["owner", "nobody"] = Field(default="owner", description="who learns the tree")
    queries: Annotated[_Whole, Field(ge=0)] = Field(
        default=0,
        description="rows, not trained on, whose classes or targets the first hospital asks for and learns",
    )


class CheckpointSettings(BaseModel):
    """The `[checkpoint]` table: where every server keeps its own shares of what has grown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str | None = Field(
        default=None,
        description="of checkpoints after every level, or boosted tree; from the scenario's folder, of a "
        "shipped scenario from the working directory; none: no files",
    )
    resume: bool = Field(default=True, description="go on from the newest complete checkpoint")
    halt_after: Annotated[_Whole, Field(ge=0)] = Field(
        default=0, description="stop after so many levels, or boosted trees, as if killed; 0: never"
    )


class PrivateTreesSettings(SecureSettings):
    """The tables of a scenario of trees."""

    data: VerticalSettings = VerticalSettings()
    trees: TreeSettings = TreeSettings()
    hospitals: HospitalSettings = HospitalSettings()
    output: OutputSettings = OutputSettings()
    checkpoint: CheckpointSettings = CheckpointSettings()
