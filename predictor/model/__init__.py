"""The model that is deployed: its terms, its calibration, its document."""
