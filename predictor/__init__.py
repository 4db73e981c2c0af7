"""The model that predicts failures. Imports neither pytest_nexus nor pytest."""
