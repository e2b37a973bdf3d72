"""Look at the key that a host offers, and trust it when the user says so."""

from collections.abc import Callable

import asyncssh

from kadalu_ssh.fleet.hostkeys import fingerprint, replace
from kadalu_ssh.fleet.route import route_to
from kadalu_ssh.fleet.settings import ConnectError, FleetSettings
from kadalu_ssh.model.errors import Unreachable
from kadalu_ssh.model.reach import Reach


async def accept_offered_key(
    reach: Reach, settings: FleetSettings, ask: Callable[[str], None] | None
) -> str:
    """The fingerprint of the offered key, recorded after `ask` agreed; None records nothing."""
    try:
        route = route_to(reach, settings)
        key = await asyncssh.get_server_host_key(route.host, route.port)
    except (OSError, asyncssh.Error, ConnectError) as error:
        raise Unreachable(f"{reach.name} offers no key: {error}") from error
    if key is None:
        raise Unreachable(f"{reach.name} offers no key")
    if ask:
        ask(f"{reach.name} offers {fingerprint(key)}. Did you verify it by other means? Trust it?")
        replace(settings.known_hosts, route.alias, route.port, key)
    return fingerprint(key)
