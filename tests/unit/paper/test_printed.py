import math

import pytest

from titn.paper.printed import printed_table


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("table1", "DeiT", "parameters_m", 5.37),
        ("table2", "SqueezeNet", "top1", 0.4234),
        ("table3", "TITN", "top1", 0.7471),
        ("table3", "TITN (MixUp)", "top5", 0.9253),
        ("table3", "TITN (large patch)", "gflops_batch1024", 36.09),
        ("table4", "TITN", "top5", 0.998),
        ("table5", "TNT", "top1", 0.9946),
        ("table6", "VGG16-BN → TITN", "top1_student", 0.9205),
        ("figure5", "RMSprop", "top1", 0.7340761),
    ],
)
def test_a_printed_number_has_exactly_its_digits(table, row, column, value):
    assert printed_table(table).set_index("row").loc[row, column] == value


def test_what_is_not_printed_is_empty():
    assert math.isnan(printed_table("figure5").set_index("row").loc["Adam", "top1"])


def test_rows_of_the_table_of_teachers():
    assert list(printed_table("table2").row) == [
        "DenseNet-121",
        "MobileNetV3",
        "ResNet-50",
        "Wide ResNet-50",
        "SqueezeNet",
        "VGG-16",
        "VGG16-BN",
        "VGG-19",
    ]


def test_who_writes_into_a_table_changes_only_his_own():
    mine = printed_table("table5")
    mine["top1"] = 0.0
    assert printed_table("table5")["top1"].min() == 0.994


def test_a_table_that_there_is_not():
    with pytest.raises(ValueError, match=r"printed=table7: .*table1.*table6"):
        printed_table("table7")
