"""Step 3: how likely each test fails, and how long it takes. The way into the predictor."""
