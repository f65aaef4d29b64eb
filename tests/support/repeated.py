"""What botocore works out anew for each session, client and call, though it comes out the same: here once a process.

Thousands of clients and tens of thousands of calls are made by the tests of one process, and a seventh of the CPU of
those that speak to AWS went into this. The daemon's own processes, which tests start, do without.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
import botocore.useragent
import pytest
from botocore.client import ClientCreator
from botocore.hooks import BaseEventHooks, EventAliaser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.loaders import Loader
    from botocore.model import ServiceModel


@contextmanager
def worked_out_once() -> Iterator[None]:
    """Let every session, client and call know what an earlier one has worked out."""
    with pytest.MonkeyPatch.context() as patched:
        _read_descriptions_once(patched)
        _write_methods_once(patched)
        # Each word of its user agent is escaped for every request.
        escape = botocore.useragent.sanitize_user_agent_string_component
        patched.setattr(botocore.useragent, "sanitize_user_agent_string_component", cache(escape))
        # An event's name of today is looked for anew by each session and client.
        name_of_today = cache(EventAliaser(None)._alias_event_name)
        patched.setattr(EventAliaser, "_alias_event_name", lambda _, name: name_of_today(name))
        # The signature of each handler is taken apart, a hundred and thirty for a session.
        patched.setattr(BaseEventHooks, "_verify_accept_kwargs", lambda *_: None)
        yield


def _read_descriptions_once(patched: pytest.MonkeyPatch) -> None:
    """Share what was read of the descriptions of AWS: megabytes of JSON that nobody changes."""
    known: dict[object, object] = {}
    create = botocore.session.create_loader

    def create_informed(search_path_string: str | None = None) -> Loader:
        loader = create(search_path_string)
        if search_path_string is None:
            loader._cache = known
        return loader

    patched.setattr(botocore.session, "create_loader", create_informed)


def _write_methods_once(patched: pytest.MonkeyPatch) -> None:
    """Share the methods of a service's client, one for each operation; its class stays its own."""
    known: dict[str, dict[str, Any]] = {}
    create = ClientCreator._create_methods

    def create_known(creator: ClientCreator, model: ServiceModel) -> dict[str, Any]:
        if model.service_name not in known:
            known[model.service_name] = create(creator, model)
        return dict(known[model.service_name])

    patched.setattr(ClientCreator, "_create_methods", create_known)
