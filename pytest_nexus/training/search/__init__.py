"""Search for settings of a training, on the processors of one machine or of a cluster."""
