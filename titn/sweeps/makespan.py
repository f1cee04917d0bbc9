"""How long several workers take for cells that are known: by calculation."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A cell to be made. secs: without its teacher.

    teacher: the name of a teacher that has to be made first, which takes teacher_secs once; None
    where there is none, or it is recorded. It may be a cell of the sweep itself.
    """

    name: str
    secs: float
    teacher: str | None = None
    teacher_secs: float = 0.0


def makespan(works: Iterable[Work], workers: int) -> float:
    """Seconds until all cells are made by so many workers, each as fast as one alone.

    As workers of a sweep do it: each takes the next cell in order when it has made one; the first
    that needs a teacher makes it, and whoever needs it meanwhile waits.

    >>> makespan([Work("a", 10), Work("b", 10), Work("c", 10)], workers=2)
    20.0
    >>> makespan([Work("a", 10, "vgg", 60), Work("b", 10, "vgg", 60)], workers=2)
    70.0
    """
    free = [0.0] * workers
    made: dict[str, float] = {}  # when
    for work in works:
        now = heapq.heappop(free)
        if work.teacher is not None:
            now = max(now, made.setdefault(work.teacher, now + work.teacher_secs))
        if work.name not in made:  # else as somebody's teacher
            made[work.name] = now = now + work.secs
        heapq.heappush(free, now)
    return max(free)


def numbers_of_workers(works: Sequence[Work]) -> list[int]:
    """2, 4, 8 and so on, as long as more workers than the half of it have something to do."""
    return [2**i for i in range(1, 8) if 2 ** (i - 1) < len(works)]
