"""A digest of the code that a cell uses, and of no other code.

From the targets that a cell names, along the names that each definition uses, through the modules
of titn, of the packages that the targets lie in, and of those beside them; with what these modules
do when they are imported. Where a definition lies does not count, and neither do comments,
docstrings, type annotations, and the texts of exceptions. So a moved module or a new model orphans
no record, and an edited helper orphans the records that were made with it.

What is named at run time only (importlib, a base that registers its subclasses) is not followed,
and neither is what was installed into site-packages, unless a target lies in it. Annotations do
not count even where a library reads them. Nothing is imported here.
"""

import hashlib
from collections.abc import Iterable

from titn.source.code import SearchPath
from titn.source.modules import Modules
from titn.source.names import Names, Place, Use
from titn.source.remembered import remembered
from titn.source.summary import Unit

# Files, messages, signals, and what only makes a run fast: no number is computed there.
LEFT_OUT = frozenset(
    (
        "titn.system",
        "titn.training.compiling",
        "titn.training.answer_cache",
        "titn.training.hardware.keep_freed_memory",
    )
)


@remembered
def source_digest(
    targets: frozenset[str], path: SearchPath = None, left_out: frozenset[str] = frozenset()
) -> str:
    """SHA-256 of all definitions that the targets reach; the same in every version of Python.

    targets: as package.module.name. path: where to look for modules, by default where Python does.
    left_out: modules and definitions that are not followed, besides those of LEFT_OUT.
    Raises ConfigError for a target that no module defines, or source that cannot be parsed.
    """
    modules = Modules(targets, path, LEFT_OUT | left_out)
    names = Names(modules)
    roots = [names.require(target) for target in sorted(targets)]
    units: dict[Place, Unit] = {}
    uses: dict[Place, list[Use]] = {}
    waiting = [place for _, places in roots for place in places]
    while waiting:
        place = waiting.pop()
        if place not in uses:
            unit = units[place] = _unit(modules, place)
            uses[place] = [names.resolve(alternatives, place[0]) for alternatives in unit.uses]
            waiting += [used for _, places in uses[place] for used in places]
            waiting += names.run_by_import(place[0], *unit.loads)
    modules.kept.save()
    hashes = _hashes({place: unit.digest for place, unit in units.items()}, uses)
    lines = {_joined(name, (hashes[place] for place in places)) for name, places in roots}
    return _sha256("\n".join(sorted(lines | set(hashes.values()))))


def _unit(modules: Modules, place: Place) -> Unit:
    summary = modules.summary(place[0])
    assert summary is not None
    return summary.units[place[1]]


def _hashes(digests: dict[Place, str], uses: dict[Place, list[Use]]) -> dict[Place, str]:
    """Of each place with all that it uses, to any depth.

    Every round looks one use further, until a round tells no more places apart. So two helpers of
    one name are not mistaken for each other, and neither their modules nor their order count.
    """
    while True:
        before = digests
        digests = {
            place: _sha256(
                "\0".join(
                    [before[place]]
                    + [_joined(name, [before[used] for used in places]) for name, places in used_by]
                )
            )
            for place, used_by in uses.items()
        }
        if len(set(digests.values())) == len(set(before.values())):
            return digests


def _joined(name: str, digests: Iterable[str]) -> str:
    return "\0".join([name, *digests])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
