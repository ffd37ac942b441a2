"""Jitter: what a link adds to its latency, message by message, and never less than a stated minimum."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mpcsim.errors import InputError
from mpcsim.network.streams import ONE, Stream
from mpcsim.units import TIME, parse_time

_DECIMAL = Context(prec=24)  # its `exp` is correctly rounded, on every machine


def _time(text: str) -> str:
    try:
        parse_time(text)
    except InputError as error:
        raise ValueError(str(error)) from None
    return text


Time = Annotated[str, AfterValidator(_time), TIME]


class _Jitter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    minimum: Time = Field(default="0 ms", description="what is added at least")

    def draw(self, stream: Stream) -> int:
        """Return one jitter in nanoseconds."""
        return _ns(self.minimum) + self._excess(stream)

    def _excess(self, stream: Stream) -> int:
        """Return what one draw adds to the minimum, in nanoseconds."""
        raise NotImplementedError


class Uniform(_Jitter):
    """Uniform between `minimum` and `maximum`."""

    distribution: Literal["uniform"]
    maximum: Time = Field(description="what is added at most")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if _ns(self.maximum) < _ns(self.minimum):
            raise ValueError(f"maximum {self.maximum} is less than minimum {self.minimum}")
        return self

    def _excess(self, stream: Stream) -> int:
        return stream.below(_ns(self.maximum) - _ns(self.minimum) + 1)


class Normal(_Jitter):
    """Normal with `mean` and `deviation`, truncated at `minimum`: what lies below is drawn again."""

    distribution: Literal["normal"]
    mean: Time = Field(description="before what lies below the minimum is drawn again")
    deviation: Time = Field(description="standard deviation, likewise")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if _ns(self.mean) < _ns(self.minimum):
            raise ValueError(f"mean {self.mean} is less than minimum {self.minimum}")
        return self

    def _excess(self, stream: Stream) -> int:
        above, deviation = _ns(self.mean) - _ns(self.minimum), _ns(self.deviation)
        while True:
            excess = above + _scaled(deviation, stream.normal())
            if excess >= 0:
                return excess


class Exponential(_Jitter):
    """`minimum` plus an exponential of mean `scale`."""

    distribution: Literal["exponential"]
    scale: Time = Field(description="mean of what is added to the minimum")

    def _excess(self, stream: Stream) -> int:
        return _scaled(_ns(self.scale), stream.exponential())


class Pareto(_Jitter):
    """`minimum` plus scale · (U^(−1/shape) − 1): heavy tails, of mean scale/(shape − 1) above it."""

    distribution: Literal["pareto"]
    scale: Time = Field(description="what the tail is multiplied by")
    shape: Annotated[float, Field(gt=1, le=100)] = Field(description="the smaller, the heavier the tail")

    def _excess(self, stream: Stream) -> int:
        power = _DECIMAL.divide(Decimal(stream.exponential()), Decimal(self.shape) * ONE)
        growth = _DECIMAL.subtract(_DECIMAL.exp(power), Decimal(1))
        return int(_DECIMAL.multiply(Decimal(_ns(self.scale)), growth).to_integral_value(ROUND_HALF_UP))


class Steady(BaseModel):
    """No jitter."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    distribution: Literal["none"]


def _table(value: object) -> object:
    if value is None or isinstance(value, dict | BaseModel):
        return value
    raise ValueError(
        f"found {value!r}; accepted: a table with a distribution (none, uniform, normal, exponential, "
        'pareto) and its keys, as in { distribution = "uniform", minimum = "0 ms", maximum = "3 ms" }'
    )


Jitter = Annotated[
    Steady | Uniform | Normal | Exponential | Pareto,
    Field(discriminator="distribution"),
    BeforeValidator(_table),
]
Moving = Uniform | Normal | Exponential | Pareto


@lru_cache(maxsize=1024)
def _ns(text: str) -> int:
    return parse_time(text)


def _scaled(nanoseconds: int, factor: int) -> int:
    """Return a time by a factor in fixed point, rounded to the nearest nanosecond."""
    return (nanoseconds * factor + ONE // 2) // ONE
