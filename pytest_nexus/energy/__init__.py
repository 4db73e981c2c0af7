"""Estimate the energy and the emissions of runs, and find clean hours and regions. Pure."""
