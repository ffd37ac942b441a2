"""A probe of the link law: one message goes round a ring, one hop at a time."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mpcsim import Network, Party, Run
from mpcsim.scenario import Program
from mpcsim.units import BYTES

_PARTIES = 3


class Probe(BaseModel):
    """The further keys of `[workload]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    message_bytes: Annotated[int, Field(ge=0, le=2**31), BYTES] = Field(
        default=1000, description="payload of the message"
    )
    repeats: Annotated[int, Field(ge=1, le=10**6)] = Field(
        default=10, description="how often it goes round the ring of three"
    )


class LinkProbe(BaseModel):
    """What a scenario of this workload may hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workload: Probe = Probe()


def link_probe(settings: LinkProbe) -> Program:
    """Send one message round the ring of three parties, `repeats` times.

    The prediction is for a uniform network without loss, jitter, overhead or faults; elsewhere null.
    Rounds: 3 · repeats.
    """
    probe = settings.workload

    async def program(party: Party) -> None:
        after, before = (party.id + 1) % _PARTIES, (party.id - 1) % _PARTIES
        message = np.resize(np.arange(256, dtype=np.uint8), probe.message_bytes)
        for _ in range(probe.repeats):
            if party.id != 0:
                message = await party.recv(before)
            party.send(after, message)
            if party.id == 0:
                message = await party.recv(before)

    return Program(
        roles={f"party{id}": program for id in range(_PARTIES)},
        summarize=_summarize,
        render=_render,
    )


def _summarize(run: Run) -> dict[str, Any]:
    hops = run.messages
    wire_bytes = run.wire_bytes // hops
    plain = run.network.uniform and not run.faults
    predicted = hops * _hop_ns(run.network, wire_bytes) if plain else None
    return {
        "hops": hops,
        "wire_bytes_per_message": wire_bytes,
        "makespan_ns": run.makespan_ns,
        "makespan_s": run.makespan_ns / 1e9,
        "predicted_ns": predicted,
        "predicted_s": None if predicted is None else predicted / 1e9,
        "equal": run.makespan_ns == predicted if plain and run.sockets is None else None,
    }


def _hop_ns(network: Network, wire_bytes: int) -> int:
    """Return 8w/B + L in exact arithmetic, the transmission rounded to the nearest nanosecond."""
    if network.bits_per_second is None:
        return network.latency_ns
    transmission = Fraction(8 * wire_bytes, network.bits_per_second) * 10**9
    return math.floor(transmission + Fraction(1, 2)) + network.latency_ns


def _render(output: dict[str, Any]) -> list[str]:
    hops = f"{output['hops']} hops of {output['wire_bytes_per_message']} wire bytes"
    measured = f"measured {output['makespan_ns']} ns"
    if output["predicted_ns"] is None:
        return [hops, f"{measured}; the link law L + 8w/B alone does not describe this network"]
    verdicts = {
        True: "equal to the nanosecond",
        False: "they differ",
        None: "real time, which it is not held to",
    }
    predicted = f"predicted by the link law {output['predicted_ns']} ns"
    return [hops, f"{measured}, {predicted}: {verdicts[output['equal']]}"]
