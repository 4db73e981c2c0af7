"""Failure prediction: installed as ``pytest_nexus.predictor``, independent of the plugin."""
