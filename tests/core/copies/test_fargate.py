from hypothesis import given
from hypothesis import strategies as st

from controller.core.copies.fargate import SIZES, Size, round_up
from tests.core.copies.templates import FARGATE_MEMORY

# US East prices of 2026 in dollars, for x86 and for ARM; the choice of a size must not depend on the architecture.
PRICES = [(0.04048, 0.004445), (0.03238, 0.00356)]


def test_sizes_are_those_that_aws_lists() -> None:
    """The sizes are exactly the pairs of AWS's table, in its order."""
    expected = [(cpu, memory) for cpu, memories in FARGATE_MEMORY.items() for memory in memories]
    assert expected == [(size.cpu, size.memory) for size in SIZES]


@given(cpu=st.integers(0, 40_000), memory=st.integers(0, 260_000))
def test_rounding_up_takes_the_cheapest_size_that_fits(cpu: int, memory: int) -> None:
    """No size of the table is large enough and cheaper, neither by x86 nor by ARM prices."""
    fitting = [(c, m) for c, memories in FARGATE_MEMORY.items() for m in memories if c >= cpu and m >= memory]
    found = round_up(cpu, memory)
    if not fitting:
        assert found is None
        return
    assert found is not None
    for vcpu_hour, gb_hour in PRICES:
        cheapest = min(fitting, key=lambda size: size[0] * vcpu_hour + size[1] * gb_hour)
        assert cheapest == (found.cpu, found.memory)


def test_a_size_of_fargate_stays_as_it_is() -> None:
    """A size that Fargate has is not rounded."""
    assert list(SIZES) == [round_up(size.cpu, size.memory) for size in SIZES]


def test_more_than_the_largest_fits_nothing() -> None:
    """Above 32 vCPU or 244 GB there is no size."""
    assert [None, None] == [round_up(32_769, 512), round_up(256, 244 * 1024 + 1)]


def test_cost_weighs_a_gigabyte_as_prices_do() -> None:
    """The weight of memory against CPU agrees with both price lists, within one percent."""
    for vcpu_hour, gb_hour in PRICES:
        size = Size(4096, 30_720)
        assert abs(size.cost * vcpu_hour / (4 * vcpu_hour + 30 * gb_hour) - 1) < 0.01
