"""Faults: rules that break things on purpose, and what they do to a run.

`Crash` and `Slow` are about a party. The others are about messages: a message meets the first rule
that matches its link, span, time and number, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mpcsim.errors import InputError
from mpcsim.network import Time
from mpcsim.schema import validate
from mpcsim.units import parse_time

_ANY = "*"
_NEVER = "it never applies, since the earlier rule matches all that it matches"
_End = str | Annotated[int, Field(ge=0)]
_Number = Annotated[int, Field(ge=0)]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class _Window(_Rule):
    """Virtual times between which a rule holds: from `start` on, before `end`."""

    start: Time = Field(default="0 s", description="virtual time from which the rule holds")
    end: Time | None = Field(
        default=None, description="virtual time before which it holds; absent: to the end"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end is not None and parse_time(self.end) <= parse_time(self.start):
            raise ValueError(f"end {self.end} is not after start {self.start}")
        return self

    @property
    def window(self) -> tuple[int, int | None]:
        """Start and end in nanoseconds."""
        return parse_time(self.start), None if self.end is None else parse_time(self.end)


class Crash(_Rule):
    """The party stops for good, at a time or when it has sent so many messages.

    What it sent is under way; what comes for it is lost; it returns None.
    """

    kind: Literal["crash"] = "crash"
    party: _End = Field(description="id or role of who crashes")
    at: Time | None = Field(default=None, description="when; this or `after_messages`")
    after_messages: _Number | None = Field(default=None, description="when it has sent so many")

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        if (self.at is None) == (self.after_messages is None):
            raise ValueError("a crash needs either `at` or `after_messages`")
        return self


class Slow(_Window):
    """The party's processor takes `factor` times as long; segments that start in the window count."""

    kind: Literal["slow"] = "slow"
    party: _End = Field(description="id or role of who is slow")
    factor: Annotated[float, Field(gt=0, le=1e6)] = Field(description="how many times as long it takes")


class _Message(_Window):
    """What a rule about messages matches: all that is given must fit.

    `span` may be the text of a path (`mpcsim.paths`).
    """

    source: _End = Field(default=_ANY, description='id or role of the sender; "*": any')
    to: _End = Field(default=_ANY, description='id or role of the receiver; "*": any')
    span: str | None = Field(default=None, description="name, or path in text, of a span around the send")
    messages: _Number | list[_Number] | None = Field(
        default=None, description="their numbers on the directed link, counted from 0"
    )


class Partition(_Message):
    """The link is cut: what is sent in the window is lost, and sent again where the network does that.

    With a `retransmission_timeout` of the network each attempt in the window fails and the next is
    made after the timeout; without one the message is lost for good.
    """

    kind: Literal["partition"] = "partition"
    both: bool = Field(default=False, description="cut the other direction as well")


class Drop(_Message):
    """The message leaves its uplink and never arrives."""

    kind: Literal["drop"] = "drop"


class Delay(_Message):
    """The message's latency grows by `by`; later messages of its link wait for it, as links are FIFO."""

    kind: Literal["delay"] = "delay"
    by: Time = Field(description="what is added to the latency")


class Duplicate(_Message):
    """The message is sent twice: the copy follows it and is received as a message of its own."""

    kind: Literal["duplicate"] = "duplicate"


class Corrupt(_Message):
    """One bit of the payload's data flips on the way, in a place that the seed chooses."""

    kind: Literal["corrupt"] = "corrupt"


class Tamper(_Message):
    """An adversary on the link changes the message; its size and time stay those of what was sent.

    "add" adds `value` to each number (modulo the type's range); "replace" puts `value` in its place, or a
    text in that of the whole; "replay" sends the payload of the message before on this link and channel;
    "swap" lets the next message of this link and channel go first; "withhold" never puts it on the link.
    """

    kind: Literal["tamper"] = "tamper"
    how: Literal["add", "replace", "replay", "swap", "withhold"] = Field(description="what is done to it")
    value: int | float | str | None = Field(default=None, description="add, replace: by or with what")
    channel: str | None = Field(default=None, description="name or path of its channel (`party.channel`)")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.how in ("add", "replace")) != (self.value is not None):
            raise ValueError(f'how = "{self.how}" takes {"a" if self.value is None else "no"} value')
        if self.how == "add" and isinstance(self.value, str):
            raise ValueError("add takes a number as its value")
        return self


MessageRule = Tamper | Partition | Drop | Delay | Duplicate | Corrupt
Fault = Annotated[
    Crash | Slow | Partition | Drop | Delay | Duplicate | Corrupt | Tamper, Field(discriminator="kind")
]
MESSAGE_RULES = (Partition, Drop, Delay, Duplicate, Corrupt, Tamper)
RULES = (Crash, Slow, *MESSAGE_RULES)


class _Faults(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    faults: list[Fault] = []


def read_faults(tables: Sequence[Mapping[str, Any] | BaseModel]) -> tuple[Any, ...]:
    """Return rules from the tables of `[[faults]]`, or from rules themselves.

    Raises:
        InputError: a table that is no rule, or rules that contradict each other.
    """
    if not tables:
        return ()
    plain = [
        table.model_dump(exclude_none=True) if isinstance(table, BaseModel) else table for table in tables
    ]
    rules = validate(_Faults, {"faults": [dict(t) if isinstance(t, Mapping) else t for t in plain]}).faults
    _check_contradictions(rules)
    return tuple(rules)


def _check_contradictions(rules: Sequence[Any]) -> None:
    """Refuse rules that exclude each other, and rules that an earlier one always forestalls."""
    for second, rule in enumerate(rules):
        for first, earlier in enumerate(rules[:second]):
            clash = None
            if isinstance(rule, Crash) and isinstance(earlier, Crash) and rule.party == earlier.party:
                clash = f"party {rule.party!r} crashes twice"
            elif isinstance(rule, Slow) and isinstance(earlier, Slow):
                if rule.party == earlier.party and _overlap(rule.window, earlier.window):
                    clash = f"party {rule.party!r} is slowed twice at one time"
            elif isinstance(rule, MESSAGE_RULES) and isinstance(earlier, MESSAGE_RULES):
                clash = _NEVER if _covers(earlier, rule) else None
            if clash is not None:
                raise InputError(f"faults.{second}: contradicts faults.{first}: {clash}")


def _overlap(one: tuple[int, int | None], two: tuple[int, int | None]) -> bool:
    return (two[1] is None or one[0] < two[1]) and (one[1] is None or two[0] < one[1])


def _covers(earlier: MessageRule, rule: MessageRule) -> bool:
    """Return whether `earlier` matches all that `rule` matches."""
    (start, end), (from_, until) = earlier.window, rule.window
    in_time = start <= from_ and (end is None or (until is not None and until <= end))
    numbers = earlier.messages is None or (
        rule.messages is not None and set(_listed(rule.messages)) <= set(_listed(earlier.messages))
    )
    ends = earlier.source in (_ANY, rule.source) and earlier.to in (_ANY, rule.to)
    one_way = not getattr(rule, "both", False) or getattr(earlier, "both", False)
    channel = getattr(earlier, "channel", None)
    on_channel = channel is None or channel == getattr(rule, "channel", None)
    return ends and in_time and numbers and one_way and on_channel and earlier.span in (None, rule.span)


def _listed(numbers: int | list[int]) -> list[int]:
    return [numbers] if isinstance(numbers, int) else numbers
