"""What a record says of all evaluated images together."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from titn.cells.result import balance
from titn.losses.terms import TokenWeights
from titn.training.metrics import Predictions


@pytest.mark.parametrize("labels", [[0, 0, 0, 1, 1, 3], [0, 1, 1, 1, 1, 1]])
def test_balanced_accuracy_is_that_of_scikit_learn(labels):
    rng = np.random.default_rng(0)
    probabilities = torch.from_numpy(rng.dirichlet(np.ones(4), 6)).float()
    predictions = Predictions(probabilities.log(), None, torch.tensor(labels))
    expected = balanced_accuracy_score(labels, probabilities.argmax(-1))
    found = balance(predictions, TokenWeights(1.0, 0.0))
    assert found == {"balanced_accuracy": pytest.approx(expected)}


def test_classes_of_about_one_size_have_no_balanced_accuracy():
    labels = torch.tensor([0] * 11 + [1] * 10)
    predictions = Predictions(torch.eye(2)[labels].log(), None, labels)
    assert balance(predictions, TokenWeights(1.0, 0.0)) == {}
