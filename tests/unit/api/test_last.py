"""The last route: an address below a known model that no resource has."""

from types import SimpleNamespace

import pytest

from mlserve.api.last import nothing_here
from mlserve.api.problems import NoSuchResource


def test_a_known_model_without_such_a_resource_is_not_found_by_name() -> None:
    context = SimpleNamespace(model=SimpleNamespace(name="line", family="linear"))
    with pytest.raises(NoSuchResource) as missing:
        nothing_here(context, None)  # type: ignore[arg-type]
    assert "Model line, of family linear" in str(missing.value.detail)
