"""Fit, distil and choose a model. Needs scikit-learn."""
