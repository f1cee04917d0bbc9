"""Ablation sweeps of small vision transformers distilled from convolutional teachers."""
