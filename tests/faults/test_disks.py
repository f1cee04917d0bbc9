"""A disk without room, and one that is only read."""

import disks
import pytest

pytestmark = pytest.mark.skipif(not disks.can_mount(), reason="no mounts of one's own here")


def test_a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_room():
    found = disks.disks(1, parts=["full", "read_only", "cache"])
    assert {one.fault: one.lost for one in found if one.lost} == {}
