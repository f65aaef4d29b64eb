import os
from pathlib import Path

import pytest

from controller.sandbox.memory import MEBIBYTE, MemoryUse, resident


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="nobody tells without /proc")
def test_what_a_process_holds_is_told_in_bytes():
    """A Python process holds some MiB; one that is gone holds nothing that anybody could tell."""
    assert 5 * MEBIBYTE < resident(os.getpid()) < 10_000 * MEBIBYTE
    assert resident(2**22 + 1) is None


def test_growth_counts_from_the_time_it_has_settled():
    """What a start takes is not growth; what comes and goes between is not either."""
    use = MemoryUse(settles_at=60.0)
    for elapsed, held in ((0.0, 10), (59.0, 100), (60.0, 110), (61.0, None), (80.0, 200), (90.0, 113)):
        use.saw(elapsed, held)

    assert use.growth == 3


def test_growth_that_nobody_saw_is_not_known():
    """A run that ends sooner, or a system without /proc, has no figure."""
    use = MemoryUse(settles_at=60.0)
    use.saw(10.0, 100)
    use.saw(70.0, None)

    assert use.growth is None
