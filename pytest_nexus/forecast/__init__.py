"""Step 3: predict how likely each test fails, and how long it takes. Calls the predictor."""
