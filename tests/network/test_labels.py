import re

import pytest

from lstm_analog.errors import InvalidTypeError, InvalidValueError
from lstm_analog.network.labels import check_label

HOSTILE = (
    "",
    "a\n.control",
    "a\r",
    "a\n",
    ".control",
    "a`id`",
    "a$(id)",
    "a;b",
    "a b",
    "a\tb",
    "A",
    "aB",
    "1a",
    "_a",
    "a-b",
    "a.b",
    "a{b}",
    "*#",
    "\u0430",  # Cyrillic a
    "a\u00b2",
    "a\u0660",  # an Arabic digit
    "a\x00",
    "a" * 64,
)


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_refused(label):
    must = "label must be a lower-case letter followed by at most 62 lower-case letters, digits or underscores, got "
    with pytest.raises(InvalidValueError, match=f"^{must}.*: rename it$") as caught:
        check_label(label)
    assert str(caught.value).isascii()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("label", ["a", "a0_b", "x" * 63])
def test_plain_labels_pass(label):
    check_label(label)


@pytest.mark.parametrize("label", [None, 3, b"a"])
def test_what_is_no_text_is_refused(label):
    with pytest.raises(InvalidTypeError, match=re.escape(f"label must be text, got {type(label).__name__}")):
        check_label(label)
