"""Work on a stream of items in threads, results in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    n_threads: int,
    stop: Callable[[], object] = lambda: None,
) -> Generator[Result, None, None]:
    """Map like ``map``, in threads, with few items in flight.

    Parameters
    ----------
    work : callable
    items : iterable
    n_threads : int
    stop : callable
        Called when no more results are wanted, so that work that is under way may end early: it is waited for.
    """
    with ThreadPoolExecutor(n_threads) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > n_threads + 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
            stop()
