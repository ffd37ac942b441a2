"""What scenarios of secure computation share: the key `dry_run`, the tables `[ring]` and `[protocol]`."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from mpcsim import InputError, log
from mpcsim.scenario import Scenario
from mpcsim.units import BITS
from protocols import kernels
from protocols.domains import Ring
from protocols.family import Family, NotOffered, Terms
from protocols.kernels import shapes
from protocols.replicated3 import Replicated3Choices
from scenarios.families import DEFAULT, find, read_choices

_Whole = Annotated[int, Field(strict=True)]


class RingSettings(BaseModel):
    """The `[ring]` table: integers mod 2^bits as fixed-point numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: Annotated[Literal[32, 64], BITS] = Field(default=64, description="size of the ring")
    fraction_bits: Annotated[_Whole, Field(ge=0, le=48), BITS] = Field(
        default=16, description="after the binary point"
    )
    value_bits: Annotated[_Whole, Field(ge=2, le=62), BITS] = Field(
        default=31, description="signed bits of every value, scaled; a difference of two needs one more"
    )

    def ring(self) -> Ring:
        """Return the ring, or raise `InputError` naming the rule that the sizes break."""
        return Ring(self.bits, self.fraction_bits, self.value_bits)


class ProtocolSettings(Replicated3Choices):
    """The `[protocol]` table of the default family."""

    family: Literal["replicated3"] = Field(
        default="replicated3", exclude=True, description='a registered family, or "file.py:Class"'
    )


class FamilySettings(BaseModel):
    """The `[protocol]` table of another family: its own model reads the rest."""

    model_config = ConfigDict(extra="allow", frozen=True)

    family: str = Field(description='a registered family, or "file.py:Class"')


def _kind(table: Any) -> str:
    """Return which model reads a `[protocol]` table."""
    if isinstance(table, dict):
        family = table.get("family", DEFAULT)
        other = isinstance(family, str) and family != DEFAULT
    else:
        other = isinstance(table, FamilySettings)
    return "FamilySettings" if other else "ProtocolSettings"


def _without_others(table: Any) -> Any:
    """Return the default family's table without what is another's, where it names its family itself."""
    if not (isinstance(table, dict) and table.get("family") == DEFAULT):
        return table
    _, dropped = read_choices(find(DEFAULT), table)
    _say_dropped(DEFAULT, dropped)
    return {key: value for key, value in table.items() if key not in dropped}


def _say_dropped(family: str, keys: list[str]) -> None:
    if keys:
        log.warning("keys of another family are dropped", family=family, protocol=keys)


class PartiesSettings(BaseModel):
    """The `[parties]` table: of families that run on several numbers of servers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n: Annotated[_Whole, Field(ge=1)] | None = Field(default=None, description="servers")
    threshold: Annotated[_Whole, Field(ge=0)] | None = Field(
        default=None, description="how many servers may collude"
    )


@dataclass(frozen=True)
class Secured:
    """A family and what its parties agree on, as a scenario says it."""

    family: type[Family]
    terms: Terms

    @property
    def actors(self) -> tuple[str, ...]:
        """Roles of those who compute: servers, then helpers."""
        return self.terms.roster.actors

    def describe(self) -> dict[str, Any]:
        """Return the blocks `protocol`, `family`, `security` and `parties` of the run record."""
        roster = self.terms.roster
        return {
            "family": self.family.name,
            "security": self.family.security(self.terms).describe(),
            "protocol": self.terms.choices.model_dump(),
            "parties": {
                "n": len(roster.servers),
                "threshold": roster.threshold,
                "helpers": list(roster.helpers),
            },
        }


class SecureSettings(BaseModel):
    """What every workload of secure computation accepts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dry_run: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="shapes alone, no data: the same rounds, bytes and time, no values"
    )
    ring: RingSettings = RingSettings()
    field: dict[str, Any] = Field(default={}, description="the field of families that compute in one")
    parties: PartiesSettings = PartiesSettings()
    protocol: Annotated[
        Annotated[ProtocolSettings, Tag("ProtocolSettings")]
        | Annotated[FamilySettings, Tag("FamilySettings")],
        Discriminator(_kind),
        BeforeValidator(_without_others),
    ] = ProtocolSettings()

    def kernels(self, scenario: Scenario) -> ModuleType:
        """Return the array operations of all actors: the kernels, or their twin in a dry run.

        Raises:
            InputError: a dry run would measure compute, of which there is none.
        """
        if self.dry_run and scenario.engine.compute != "none":
            raise InputError(
                f"engine.compute = {scenario.engine.compute!r}: a dry run computes nothing that could be "
                'measured; accepted with dry_run: "none"'
            )
        return shapes if self.dry_run else kernels

    def secured(self, scenario: Scenario | None = None) -> Secured:
        """Return the family that the scenario names, and what its parties agree on.

        Raises:
            InputError: there is no such family, or it refuses its choices, its domain or the parties.
        """
        chosen = self.protocol
        family = find(chosen.family, None if scenario is None else scenario.folder)
        if isinstance(chosen, ProtocolSettings):
            choices: BaseModel = chosen
        else:
            choices, dropped = read_choices(family, chosen.model_extra or {})
            _say_dropped(family.name, dropped)
        terms = Terms(
            family.domain(self.ring.bits, self.ring.fraction_bits, self.ring.value_bits, self.field),
            choices,
            family.roster(self.parties.n, self.parties.threshold),
            shapes if self.dry_run else kernels,
        )
        return Secured(family, terms)

    def of_replicated3(self, what: str) -> ProtocolSettings:
        """Return the choices of the default family, for what runs on it alone.

        Raises:
            NotOffered: the scenario names another family.
        """
        if not isinstance(self.protocol, ProtocolSettings):
            raise NotOffered(what, self.protocol.family)
        return self.protocol

    def describe(self, secured: Secured | None = None) -> dict[str, Any]:
        """Return the blocks of the run record that say how it computed."""
        found = secured or self.secured()
        return {"dry_run": self.dry_run, "ring": self.ring.model_dump()} | found.describe()
