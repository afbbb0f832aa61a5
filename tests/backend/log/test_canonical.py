import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.log.canonical import NotCanonical, canonical, instant

LARGEST = 2**53 - 1
KEYS = st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(value=st.dictionaries(KEYS, VALUES, max_size=6))
def test_bytes_are_those_of_rfc_8785(value):
    # Inside the profile the standard library writes RFC 8785, 3.2, too: sorted keys, shortest escapes, no spaces.
    expected = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    assert expected.encode() == canonical(value)


def test_escapes_are_those_of_rfc_8785():
    text = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028ß\U0001f694'
    expected = (
        r'{"a":"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013'
        r"\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f\"\\/" + '\x7f\u2028ß\U0001f694"}'
    )
    assert expected.encode() == canonical({"a": text})


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": 1.0}, "/a"), ({"a": [1, {"b": 2**53}]}, "/a/1/b"), ({"a": -(2**53)}, "/a"), ({"A": 1}, "/"),
        ({"": 1}, "/"), ({"ä": 1}, "/"), ({"a\n": 1}, "/"), ({"a": {1: 2}}, "/a"), ({"a": b"x"}, "/a"),
        ({"a": datetime.now(UTC)}, "/a"), ({"a": {1, 2}}, "/a"),
    ],
)  # fmt: skip
def test_what_is_outside_the_profile_is_refused_by_place_without_its_value(value, place):
    with pytest.raises(NotCanonical) as refused:
        canonical(value)
    assert place == str(refused.value).split(":")[0]


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(NotCanonical):
        canonical({"a": "\ud800"})


def test_instants_are_utc_cut_to_milliseconds():
    summer = timezone(timedelta(hours=2))
    assert instant(datetime(2026, 7, 1, 0, 0, 0, 123999, tzinfo=summer)) == "2026-06-30T22:00:00.123Z"
    assert instant(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"
