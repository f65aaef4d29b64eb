import pytest

from controller.sandbox import keepers
from controller.sandbox.host import Host
from controller.sandbox.keepers import Keepers
from tests.sandbox.bench import Bench


@pytest.fixture
def bench(aws, tmp_path, monkeypatch):
    """Give a bench whose keepers ask often, so that nobody waits for them."""
    monkeypatch.setattr(keepers, "POLL", 0.1)
    monkeypatch.setattr(keepers, "TIMEOUT", 0.5)
    with Host(tmp_path) as host:
        made = Bench(aws, Keepers(host))
        yield made
        made.runner.stop()
