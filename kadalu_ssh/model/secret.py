"""A value that prints masked and is only had by asking for it."""

import hashlib


class Secret:
    """Text that never shows itself in repr, str, format or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return mask(self._value)

    def __repr__(self) -> str:
        return f"Secret({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def mask(value: str) -> str:
    """`***` and eight hexadecimal digits, so that two secrets can be told apart."""
    return "***" + hashlib.sha256(value.encode()).hexdigest()[:8]
