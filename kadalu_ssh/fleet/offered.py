"""Look at the key that a host offers, and trust it when the user says so."""

from collections.abc import Callable

import asyncssh

from kadalu_ssh.fleet.hostkeys import fingerprint, replace
from kadalu_ssh.fleet.route import Route, route_to
from kadalu_ssh.fleet.settings import ConnectError, FleetSettings, FleetStats
from kadalu_ssh.fleet.ssh import Connector
from kadalu_ssh.model.errors import Unreachable
from kadalu_ssh.model.reach import Reach


async def accept_offered_key(
    reach: Reach, settings: FleetSettings, ask: Callable[[str], None] | None
) -> str:
    """The fingerprint of the offered key, recorded after `ask` agreed; None records nothing."""
    connector = Connector(settings, FleetStats())
    try:
        route = route_to(reach, settings)
        key = await _offered(connector, route)
    except (OSError, asyncssh.Error, ConnectError) as error:
        raise Unreachable(f"{reach.name} offers no key: {error}") from error
    finally:
        await connector.close()
    if key is None:
        raise Unreachable(f"{reach.name} offers no key")
    if ask:
        ask(f"{reach.name} offers {fingerprint(key)}. Did you verify it by other means? Trust it?")
        replace(settings.known_hosts, route.alias, route.port, key)
    return fingerprint(key)


async def _offered(connector: Connector, route: Route) -> asyncssh.SSHKey | None:
    """Of the kind that a login would be shown: the one whose fingerprint the user has seen."""
    tunnel = await connector.bastion(route.jump) if route.jump else ()
    known = connector.host_keys.trusted(route.alias, route.port)
    kinds = [kind.decode() for key in known for kind in key.sig_algorithms]
    for algorithms in [kinds, ()] if kinds else [()]:
        try:
            return await asyncssh.get_server_host_key(
                route.host, route.port, tunnel=tunnel, server_host_key_algs=algorithms, config=None
            )
        except asyncssh.KeyExchangeFailed:
            continue  # It has no key of that kind any more.
    return None
