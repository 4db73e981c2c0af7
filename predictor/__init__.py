"""The model that predicts failures. Imports nothing of pytest_nexus, and no pytest."""
