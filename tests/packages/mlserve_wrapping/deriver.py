"""Counts the requests that come to a view."""

from typing import Any

from pyramid.config import Configurator

seen: list[str] = []


def includeme(config: Configurator) -> None:
    config.add_view_deriver(_noting, "noting")


def _noting(view: Any, info: Any) -> Any:
    def noting(context: Any, request: Any) -> Any:
        seen.append(request.path)
        return view(context, request)

    return noting
