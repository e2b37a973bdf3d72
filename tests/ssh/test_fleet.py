"""Reaching a host: the channel, and every way in which it can go wrong."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from kadalu_ssh.fleet import Fleet, FleetSettings, Opened
from kadalu_ssh.model.channel import CallFailed, ChannelLost
from kadalu_ssh.model.reach import Reach
from kadalu_ssh.model.secret import Secret
from tests.ssh.server import Misbehaviour, ssh_server, write_key


def settings(tmp_path: Path, **more: Any) -> FleetSettings:
    return FleetSettings(
        known_hosts=tmp_path / "known_hosts", ssh_config=tmp_path / "no-config",
        user_known_hosts=(), connect_timeout=5, **more,
    )  # fmt: skip


def reach(tmp_path: Path, port: int, **more: Any) -> Reach:
    values = {"user": "root", "key_file": write_key(tmp_path), **more}
    return Reach(name="n1", host="127.0.0.1", port=port, **values)


def opened(tmp_path: Path, wrong: Misbehaviour, key: Any = None, check: str = "accept-new",
           **more: Any) -> Opened:  # fmt: skip
    """Connect once to a server that behaves as `wrong` says."""

    async def main() -> Opened:
        chosen = settings(tmp_path, host_key_checking=check)
        async with ssh_server(wrong, key) as (port, _), Fleet(chosen) as fleet:
            return await fleet.open([reach(tmp_path, port, **more)])

    return asyncio.run(main())


def reason(result: Opened) -> tuple[str, str]:
    failure = result.failures["n1"]
    return failure.kind, failure.reason


def test_one_connection_one_command_many_calls(tmp_path: Path) -> None:
    wrong = Misbehaviour(noise=b"Welcome to n1!\nKADALU-WORKER\n")

    async def main() -> None:
        async with ssh_server(wrong) as (port, _), Fleet(settings(tmp_path)) as fleet:
            result = await fleet.open([reach(tmp_path, port)])
            channel = result.channels["n1"]
            assert channel.hello["uid"] == 0
            params = {"op": "peek", "cluster_id": "none-such"}
            calls = [channel.call("meta", params) for _ in range(5)]
            answers = await asyncio.gather(*calls)
            assert [answer["locked"] for answer in answers] == [False] * 5
            assert (fleet.stats.connections, fleet.stats.execs) == (1, 1)

    asyncio.run(main())
    assert wrong.connections == len(wrong.commands) == 1


def test_a_module_error_is_an_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with ssh_server(Misbehaviour()) as (port, _), Fleet(settings(tmp_path)) as fleet:
            channel = (await fleet.open([reach(tmp_path, port)])).channels["n1"]
            with pytest.raises(CallFailed) as told:
                await channel.call("meta", {"op": "read", "cluster_id": "../etc"})
            assert told.value.kind == "refused"
            with pytest.raises(CallFailed) as told:
                await channel.call("no_such_module", {})
            assert told.value.kind == "bug"
            assert await channel.call("meta", {"op": "peek", "cluster_id": "x"})

    asyncio.run(main())


def test_a_connection_that_is_lost_in_a_call_is_neither_success_nor_failure(tmp_path: Path) -> None:
    async def main() -> None:
        wrong = Misbehaviour()
        async with ssh_server(wrong) as (port, acceptor), Fleet(settings(tmp_path)) as fleet:
            channel = (await fleet.open([reach(tmp_path, port)])).channels["n1"]
            call = asyncio.create_task(channel.call("facts", {"cluster_id": "x"}))
            await asyncio.sleep(0)
            channel.pipe._conn.abort()  # type: ignore[attr-defined]
            with pytest.raises(ChannelLost):
                await call
            assert channel.lost
            with pytest.raises(ChannelLost):
                await channel.call("facts", {"cluster_id": "x"})
            assert acceptor

    asyncio.run(main())


def test_first_contact_records_the_key_and_a_changed_one_stops(tmp_path: Path) -> None:
    first, second = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))

    async def contact(key: Any, port: int) -> tuple[Opened, int]:
        async with ssh_server(Misbehaviour(), key) as (real, _):
            # The key is known by name and port, and every server here has a port of its own.
            known = tmp_path / "known_hosts"
            if known.exists():
                known.write_text(known.read_text().replace(f":{port} ", f":{real} "))
            async with Fleet(settings(tmp_path)) as fleet:
                return await fleet.open([reach(tmp_path, real)]), real

    result, port = asyncio.run(contact(first, 0))
    assert "n1" in result.channels
    assert stat.S_IMODE((tmp_path / "known_hosts").stat().st_mode) == 0o600
    result, port = asyncio.run(contact(first, port))
    assert "n1" in result.channels
    result, _ = asyncio.run(contact(second, port))
    kind, told = reason(result)
    assert kind == "host_key_changed"
    assert first.get_fingerprint() in told and second.get_fingerprint() in told
    assert "kadalu node accept-key" in told


def test_strict_refuses_an_unknown_key(tmp_path: Path) -> None:
    kind, told = reason(opened(tmp_path, Misbehaviour(), check="strict"))
    assert kind == "host_key_unknown"
    assert "SHA256:" in told


def test_a_wrong_key_is_named(tmp_path: Path) -> None:
    key = write_key(tmp_path, asyncssh.generate_private_key("ssh-ed25519"))
    other = tmp_path / "other"
    key.rename(other)
    kind, told = reason(opened(tmp_path, Misbehaviour(), key_file=other))
    assert (kind, told) == ("auth", f"permission denied for root (offered: {other})")


def test_nothing_listens(tmp_path: Path) -> None:
    async def main() -> Opened:
        async with ssh_server(Misbehaviour()) as (port, acceptor):
            acceptor.close()
            await acceptor.wait_closed()
            async with Fleet(settings(tmp_path)) as fleet:
                return await fleet.open([reach(tmp_path, port)])

    kind, told = reason(asyncio.run(main()))
    assert kind == "refused"
    assert "connection refused (127.0.0.1:" in told


SUDO = {
    "none": "echo 'sudo: a password is required' >&2; exit 1",
    "ask": 'shift 4; printf "%s" "$0" >/dev/null; exit 1',
    "forbidden": "echo 'guest is not in the sudoers file.' >&2; exit 1",
    "rs": "echo 'sudo: interactive authentication is required' >&2; exit 1",
    "absent": "echo 'sh: 1: sudo: not found' >&2; exit 127",
}


def fake_sudo(tmp_path: Path, script: str) -> str:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "sudo").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "sudo").chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("script", "kind", "told"),
    [
        (SUDO["none"], "sudo_password", "set ansible_become_password"),
        (SUDO["rs"], "sudo_password", "set ansible_become_password"),
        (SUDO["forbidden"], "no_sudo", "guest may not use sudo here"),
        (SUDO["absent"], "no_sudo", "sudo is not installed"),
    ],
)
def test_sudo_refusals(tmp_path: Path, script: str, kind: str, told: str) -> None:
    wrong = Misbehaviour(path=fake_sudo(tmp_path, script))
    found, text = reason(opened(tmp_path, wrong, user="guest"))
    assert found == kind
    assert told in text


ASKING_SUDO = """
prompt=$4
printf '%s' "$prompt" >&2
read -r given
if [ "$given" != right ]; then
    printf 'Sorry, try again.\\n%s' "$prompt" >&2
    read -r given
    exit 1
fi
shift 4
exec "$@"
"""


def test_a_sudo_password_is_given_on_stdin_when_it_is_asked_for(tmp_path: Path) -> None:
    wrong = Misbehaviour(path=fake_sudo(tmp_path, ASKING_SUDO))
    result = opened(tmp_path, wrong, user="guest", become_password=Secret("right"))
    assert "n1" in result.channels, result.failures
    assert "right" not in wrong.commands[0]


def test_a_wrong_sudo_password(tmp_path: Path) -> None:
    wrong = Misbehaviour(path=fake_sudo(tmp_path, ASKING_SUDO))
    result = opened(tmp_path, wrong, user="guest", become_password=Secret("wrong"))
    assert reason(result) == ("sudo_password", "sudo refused the password")


@pytest.mark.parametrize(
    ("python", "kind"), [("/nonexistent/python", "no_python"), ("/bin/false", "shell")]
)
def test_no_python(tmp_path: Path, python: str, kind: str) -> None:
    assert reason(opened(tmp_path, Misbehaviour(), python=python))[0] == kind


def test_no_secret_in_repr(tmp_path: Path) -> None:
    made = Reach(name="n", host="n", become_password=Secret("hunter2"))
    assert "hunter2" not in repr(made) + str(made)
