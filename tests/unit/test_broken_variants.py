"""Variants that are broken on purpose (tests/torture/broken.py) still break what they say."""

import pytest

from tests.torture.broken import ROOT, VARIANTS


@pytest.mark.parametrize("name", VARIANTS)
def test_the_text_that_is_replaced_is_there_once(name: str) -> None:
    variant = VARIANTS[name]
    assert (ROOT / variant.file).read_text().count(variant.text) == 1
    path, _, test = variant.tests.partition("::")
    assert f"def {test}(" in (ROOT / path).read_text()
