"""Threshold signatures in the rounds of FROST (RFC 9591), over Ed25519 and SHA-512.

A dealer shares a key (phase "keys"). Each of `threshold` signers sends two commitments ahead (phase
"commitments", 64 bytes each). The coordinator sends the message and all commitments, and a share of the
signature comes back (phase "signing", 2 rounds). A wrong share ends in an abort that names its sender. The
signature is one of Ed25519 like any other.
"""

from __future__ import annotations

from typing import Any

import ed25519 as curve
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mpcsim import Party, Run
from mpcsim.scenario import Program, Scenario

_TAG = b"FROST-ED25519-SHA512-v1"
Commitments = list[tuple[int, bytes, bytes]]
"""(signer, hiding commitment, binding commitment), by signer."""


class Settings(BaseModel):
    """What the scenario says."""

    model_config = ConfigDict(extra="forbid")

    signers: int = Field(ge=1, le=255)
    threshold: int = Field(ge=1)
    message: str
    cheats: list[int] = []

    @model_validator(mode="after")
    def _enough(self) -> Settings:
        if self.threshold > self.signers:
            raise ValueError(f"threshold {self.threshold}; accepted: 1 to {self.signers}, the signers")
        return self


def _scalar(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _bytes(scalar: int) -> bytes:
    return scalar.to_bytes(32, "little")


def _draw(party: Party, name: str) -> int:
    return int.from_bytes(party.secret(name, 64), "little") % curve.ORDER


def lagrange(one: int, signers: list[int]) -> int:
    """Return the coefficient of a signer in the interpolation at 0."""
    found = 1
    for other in signers:
        if other != one:
            found = found * other * pow(other - one, -1, curve.ORDER) % curve.ORDER
    return found


def _factors(public: bytes, message: bytes, known: Commitments) -> dict[int, int]:
    """Return the binding factor of each signer."""
    listed = b"".join(_bytes(one) + hiding + binding for one, hiding, binding in known)
    prefix = public + curve.sha512(_TAG + b"msg" + message).digest() + curve.sha512(
        _TAG + b"com" + listed
    ).digest()  # fmt: skip
    return {one: curve.hashed(_TAG, b"rho", prefix, _bytes(one)) for one, _, _ in known}


def _nonce(known: Commitments, factors: dict[int, int]) -> curve.Point:
    """Return the commitment of the whole group."""
    found = curve.NEUTRAL
    for one, hiding, binding in known:
        part = curve.times(factors[one], curve.decode(binding))
        found = curve.add(found, curve.add(curve.decode(hiding), part))
    return found


async def _deal(party: Party, settings: Settings) -> bytes:
    with party.phase("keys"):
        polynomial = [_draw(party, f"coefficient {degree}") for degree in range(settings.threshold)]
        shares = [
            sum(c * pow(one, degree, curve.ORDER) for degree, c in enumerate(polynomial)) % curve.ORDER
            for one in range(1, settings.signers + 1)
        ]
        public = curve.encode(curve.times(polynomial[0], curve.BASE))
        checks = [curve.encode(curve.times(share, curve.BASE)) for share in shares]
        party.send("coordinator", [public, *checks])
        for one, share in enumerate(shares, 1):
            party.send(f"signer{one}", [public, _bytes(share)])
    return public


async def _sign(party: Party, settings: Settings, own: int) -> None:
    with party.phase("keys"):
        public, share = await party.recv("dealer")
    if own > settings.threshold:  # the first `threshold` signers sign
        return
    with party.phase("commitments"):
        nonces = [_draw(party, "hiding"), _draw(party, "binding")]
        party.send("coordinator", b"".join(curve.encode(curve.times(one, curve.BASE)) for one in nonces))
    with party.phase("signing"):
        message, listed = await party.recv("coordinator")
        known: Commitments = [(one, data[:32], data[32:]) for one, data in enumerate(listed, 1)]
        factors = _factors(public, message, known)
        nonce = curve.encode(_nonce(known, factors))
        challenge = curve.hashed(nonce, public, message)
        weight = lagrange(own, [one for one, _, _ in known])
        part = nonces[0] + nonces[1] * factors[own] + weight * _scalar(share) * challenge
        part += own in settings.cheats
        party.send("coordinator", _bytes(part % curve.ORDER))


async def _coordinate(party: Party, settings: Settings) -> dict[str, str]:
    signers = list(range(1, settings.threshold + 1))
    with party.phase("keys"):
        public, *checks = await party.recv("dealer")
    with party.phase("commitments"):
        sent = [await party.recv(f"signer{one}") for one in signers]
    with party.phase("signing"):
        message = settings.message.encode()
        for one in signers:
            party.send(f"signer{one}", [message, sent])
        known: Commitments = [(one, data[:32], data[32:]) for one, data in zip(signers, sent, strict=True)]
        factors = _factors(public, message, known)
        nonce = curve.encode(_nonce(known, factors))
        challenge = curve.hashed(nonce, public, message)
        total = 0
        for one, hiding, binding in known:
            part = _scalar(await party.recv(f"signer{one}"))
            total += part
            key = curve.times(
                challenge * lagrange(one, signers) % curve.ORDER, curve.decode(checks[one - 1])
            )
            commitment = curve.add(curve.decode(hiding), curve.times(factors[one], curve.decode(binding)))
            if curve.encode(curve.times(part, curve.BASE)) != curve.encode(curve.add(commitment, key)):
                await party.abort(f"the share of signer {one} does not fit its commitments")
    signature = nonce + _bytes(total % curve.ORDER)
    return {"public": public.hex(), "signature": signature.hex()}


def signing(settings: Settings, scenario: Scenario) -> Program:
    """Return the programs of a dealer, a coordinator and the signers."""
    roles: dict[str, Any] = {
        "dealer": lambda party: _deal(party, settings),
        "coordinator": lambda party: _coordinate(party, settings),
    }
    for one in range(1, settings.signers + 1):
        roles[f"signer{one}"] = lambda party, one=one: _sign(party, settings, one)

    def summarize(run: Run) -> dict[str, Any]:
        return dict(run.outputs["coordinator"]) | {"message": settings.message}

    return Program(roles, summarize)
