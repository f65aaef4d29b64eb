import pytest

from controller.sandbox.keepers import Keepers
from controller.sandbox.process_group import ProcessGroup
from tests.sandbox.stand import Stand


@pytest.fixture
def group():
    """Return a process group that ends with the test."""
    with ProcessGroup() as made:
        yield made


@pytest.fixture
def keepers(group, tmp_path):
    """Return keepers that ask often, so that tests need not wait for them."""
    return Keepers(group, tmp_path, poll=0.1, timeout=0.5)


@pytest.fixture
def stand(aws, keepers):
    """Return a stand whose runner is running."""
    made = Stand(aws, keepers)
    made.runner.start()
    yield made
    made.runner.stop()
