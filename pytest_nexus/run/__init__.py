"""Carries a plan out inside pytest."""
