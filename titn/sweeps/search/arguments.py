"""The keys of a search on the command line, before Hydra composes it."""

from collections.abc import Sequence

from titn.records.search import SEARCH


def allow_search_keys(arguments: Sequence[str]) -> list[str]:
    """search.trials=3 is set whether or not the search's file has it: Hydra calls that ++.

    Without a search the key stays one that there is not.
    """
    if not any(one.lstrip("+").startswith(f"{SEARCH}=") for one in arguments):
        return list(arguments)
    return [f"++{one}" if one.startswith(f"{SEARCH}.") else one for one in arguments]
