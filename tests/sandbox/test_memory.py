import os
from pathlib import Path

import pytest

from controller.sandbox.memory import MEBIBYTE, MemoryUse, read_resident


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="it needs /proc")
def test_the_memory_of_a_process_is_read_in_bytes():
    """A Python process holds some MiB; for a process that does not exist it is None."""
    assert 5 * MEBIBYTE < read_resident(os.getpid()) < 10_000 * MEBIBYTE
    assert read_resident(2**22 + 1) is None


def test_growth_counts_from_the_time_it_has_settled():
    """Growth is the last value minus the one at that time, whatever happened before and in between."""
    use = MemoryUse(settles_at=60.0)
    for elapsed, held in ((0.0, 10), (59.0, 100), (60.0, 110), (61.0, None), (80.0, 200), (90.0, 113)):
        use.record(elapsed, held)

    assert use.growth == 3


def test_growth_is_unknown_without_values():
    """It is None for a run that ends sooner, and on a system without /proc."""
    use = MemoryUse(settles_at=60.0)
    use.record(10.0, 100)
    use.record(70.0, None)

    assert use.growth is None
