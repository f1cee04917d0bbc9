"""Metrics on arrays small enough to check by hand."""

import math

import pytest
import torch

from titn.losses.terms import TokenWeights
from titn.training.metrics import (
    Predictions,
    expected_calibration_error,
    head_metrics,
    num_parameters,
    summarise,
)

BOTH = TokenWeights(cls=0.5, dist=0.5)


def predictions(cls, dist, labels):
    dist = None if dist is None else torch.tensor(dist).log()
    return Predictions(cls=torch.tensor(cls).log(), dist=dist, labels=torch.tensor(labels))


def test_top1_and_nll_by_hand():
    head = head_metrics(torch.tensor([[0.7, 0.3], [0.6, 0.4]]).log(), torch.tensor([0, 1]))
    assert head["top1"] == 0.5
    assert head["nll"] == pytest.approx(-(math.log(0.7) + math.log(0.4)) / 2, rel=1e-6)


def test_top5_is_null_below_six_classes():
    assert head_metrics(torch.rand(3, 5).log(), torch.tensor([0, 1, 2]))["top5"] is None


def test_top5_counts_the_five_likeliest():
    log_probs = torch.tensor([[6.0, 5, 4, 3, 2, 1]]).log_softmax(-1).repeat(2, 1)
    assert head_metrics(log_probs, torch.tensor([4, 5]))["top5"] == 0.5


def test_fused_is_the_mean_of_the_two_softmaxes():
    fused = predictions([[0.6, 0.4]], [[0.1, 0.9]], [0]).fused(BOTH)
    torch.testing.assert_close(fused.exp(), torch.tensor([[0.35, 0.65]]))


@pytest.mark.parametrize(
    ("weights", "expected"), [(TokenWeights(1, 0), [0.6, 0.4]), (TokenWeights(0, 1), [0.1, 0.9])]
)
def test_a_token_that_was_not_trained_is_left_out_of_fused(weights, expected):
    fused = predictions([[0.6, 0.4]], [[0.1, 0.9]], [0]).fused(weights)
    torch.testing.assert_close(fused.exp(), torch.tensor([expected]))


def test_top1_of_the_record_is_that_of_fused():
    # cls alone is right on the first image only, dist on the second only, fused on both.
    summary = summarise(
        predictions([[0.9, 0.1], [0.6, 0.4]], [[0.4, 0.6], [0.1, 0.9]], [0, 1]), BOTH
    )
    assert (summary["cls"]["top1"], summary["dist"]["top1"], summary["top1"]) == (0.5, 0.5, 1.0)


def test_dist_is_null_without_a_token():
    summary = summarise(predictions([[0.9, 0.1]], None, [0]), BOTH)
    assert summary["dist"] is None
    assert summary["fused"] == summary["cls"]


def test_macro_precision_recall_and_f1_by_hand():
    # Labels 0 0 0 1, predictions 0 0 1 1.
    # Class 0: precision 1, recall 2/3, F1 0.8. Class 1: precision 1/2, recall 1, F1 2/3.
    cls = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]
    summary = summarise(predictions(cls, None, [0, 0, 0, 1]), BOTH)
    assert summary["precision"] == pytest.approx(0.75)
    assert summary["recall"] == pytest.approx(5 / 6)
    assert summary["f1"] == pytest.approx((0.8 + 2 / 3) / 2)


def test_calibration_error_by_hand():
    # Confidences 0.95 and 0.905 share a bin of ten, one of them right: |0.5 - 0.9275|; 0.55 is
    # right and alone: |1 - 0.55|. Weighted by 2/3 and 1/3.
    probs = torch.tensor([[0.95, 0.05], [0.905, 0.095], [0.55, 0.45]])
    error = expected_calibration_error(probs.log(), torch.tensor([0, 1, 0]), bins=10)
    assert error == pytest.approx((2 * abs(0.5 - 0.9275) + 0.45) / 3, abs=1e-6)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    # 0.5, right, and 0.4, wrong, share (0, 1/2]: a gap of 0.1. 0.9, wrong, is alone in (1/2, 1].
    probs = torch.tensor([[0.5, 0.25, 0.25], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]])
    error = expected_calibration_error(probs.log(), torch.tensor([0, 1, 1]), bins=2)
    assert error == pytest.approx((0.1 + 0.9) / 3, abs=1e-6)


def test_calibration_error_of_a_sure_and_right_model_is_zero():
    log_probs = torch.tensor([[0.0, -100.0]])
    assert expected_calibration_error(log_probs, torch.tensor([0])) == pytest.approx(0, abs=1e-6)


def test_parameters_count_every_tensor_of_the_model():
    assert num_parameters(torch.nn.Linear(3, 2)) == 8
