"""Any key of a search may be set, and only beside one."""

from titn.sweeps.search.arguments import allow_search_keys


def test_a_key_of_a_search_is_set_though_its_file_has_it_not():
    typed = ["+search=rate", "search.study=mine", "model=deit"]
    assert allow_search_keys(typed) == ["+search=rate", "++search.study=mine", "model=deit"]


def test_without_a_search_there_is_no_such_key():
    assert allow_search_keys(["search.study=mine"]) == ["search.study=mine"]
