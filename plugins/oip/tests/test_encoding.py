"""Which encoding an answer has."""

import pytest

from mlserve_oip.encoding import encoding_for


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0.5, deflate", "deflate"),
        ("GZIP ; q=1.0", "gzip"),
        ("*", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0", None),
        ("gzip;q=0, *", "deflate"),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=nonsense", None),
        ("gzip;q=nan", None),
        ("gzip;q=7", None),
    ],
)
def test_encoding(accept: str | None, encoding: str | None) -> None:
    assert encoding_for(accept) == encoding
