"""How SSH reaches a host: what the inventory says of it, resolved."""

from dataclasses import dataclass, field
from pathlib import Path

from kadalu_ssh.model.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Reach:
    """One host's way in. `None` means: as ~/.ssh/config says, else the default."""

    name: str
    """Inventory name; also the key of every result."""
    host: str
    """What to connect to (`ansible_host`, else the name); an ssh_config alias is allowed."""
    local: bool = False
    """`ansible_connection: local`: this machine, without SSH."""
    user: str | None = None
    port: int | None = None
    key_file: Path | None = None
    password: Secret | None = None
    become: bool | None = None
    """None: sudo when the login user is not root."""
    become_password: Secret | None = None
    python: str = "python3"
    address: str | None = None
    """`kadalu_address`; None: the inventory name."""
    zone: str | None = None
    source: str = field(default="", compare=False)
    """`FILE:LINE` where the inventory defines it, for messages."""
