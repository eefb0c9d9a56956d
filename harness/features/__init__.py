"""Handcrafted features, each a scikit-learn transformer of images or of other features."""

from harness.features.build import build_features

__all__ = ["build_features"]
