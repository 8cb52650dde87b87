"""Waiting."""

from fasttrees.pipeline.aws.poller import Poller


def test_rounds_end_with_the_timeout() -> None:
    now, sleeps = [5.0], []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        now[0] += seconds

    assert list(Poller(10, lambda: now[0], sleep).rounds(25)) == [0, 10, 20, 25]
    assert sleeps == [10, 10, 5]


def test_asks_once_without_time() -> None:
    assert list(Poller(clock=lambda: 0.0).rounds(0)) == [0]
