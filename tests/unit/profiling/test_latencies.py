"""Times of inference: who is timed, and what is made of the times."""

import csv
import io
import sys

import pytest

from titn import latency
from titn.profiling import latencies

TINY = ["model.depth=1", "model.patch_dim=12", "model.heads=2", "device=cpu", "precision=32-true"]
QUICK = ["--rounds", "3", "--secs", "0", "--classes", "10"]


def run(capsys, *arguments: str) -> tuple[int, list[dict]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["titn", *arguments])
        with pytest.raises(SystemExit) as left:
            latency.main()
    return left.value.code, list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_every_model_is_timed_at_every_batch(capsys):
    code, rows = run(capsys, "model=vit,deit", *TINY, *QUICK, "--batch", "1,4")
    assert code == 0
    timed = [(row["model"], row["batch"]) for row in rows]
    assert timed == [("vit", "1"), ("vit", "4"), ("deit", "1"), ("deit", "4")]
    for row in rows:
        fastest, median, slowest = (
            float(row[f"{which}_ms"]) for which in ("fastest", "median", "slowest")
        )
        assert 0 < fastest <= median <= slowest


def test_without_a_name_all_models_are_timed():
    names, others = latency._models(["device=cpu"])
    assert {"titn", "vgg16_bn", "wide_resnet28_10"} <= set(names)
    assert others == ["device=cpu"]


def test_a_row_by_hand():
    one = latencies.TimedNetwork(
        "vit", 5_390_000, 92_510_000, 10, lambda: None, 1, [0.004, 0.002, 0.003]
    )
    assert latency.row(one) == (
        "vit", "5.39", "92.51", "10", "3.000", "2.000", "4.000", "3333.3",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["modle=vit"], "titn: modle=vit: there is no such key; did you mean model?"),
        (["model=foo"], "titn: model=foo: there is no such choice; choose one of"),
        (["model=vit", "model.heads=5"], "titn: model.heads=5: does not divide patch_dim 192"),
    ],
)
def test_bad_input_is_one_line(arguments, line, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["titn", *arguments])
    with pytest.raises(SystemExit) as left:
        latency.main()
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith(line)
