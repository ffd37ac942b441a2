"""What a server of four may do to the others, and to the client."""

import numpy as np

from mpcsim import Puppet

CLIENT = "client"


async def alters(party, honest):
    """Add 1 to the first number of whatever array goes to another server."""

    def send(to, payload):
        if isinstance(payload, np.ndarray) and payload.size:
            payload = payload.copy()
            payload.reshape(-1)[0] += 1
        return payload

    return await honest(Puppet(party, send))


async def lies_to_the_client(party, honest):
    """Compute as it should, and show the client zeros: two other servers outvote it."""

    def send(to, payload):
        return [np.zeros_like(payload[0]), *payload[1:]] if to == CLIENT else payload

    return await honest(Puppet(party, send))
