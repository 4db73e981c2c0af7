"""The deployed model: its terms, its calibration, its document."""
