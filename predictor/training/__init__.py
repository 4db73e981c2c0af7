"""Fits, distils and chooses a model. Needs scikit-learn."""
