# mypy: ignore-errors
"""What kadalu does for one storage unit and its self-heal daemon, for pyinfra."""

from pyinfra import host
from pyinfra.operations import files, server, systemd

files.directory(path=f"{host.data.brick}/.glusterfs/indices", mode="755")
server.shell(
    commands=[
        f"setfattr -n trusted.glusterfs.volume-id -v 0x{host.data.volume_id} {host.data.brick}"
    ]
)
for item in host.data.files:
    files.put(src=item["src"], dest=item["dest"], mode="600")
systemd.daemon_reload()
for service in host.data.services:
    systemd.service(service=service, running=True, enabled=True)
