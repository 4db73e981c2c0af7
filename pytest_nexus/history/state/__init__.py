"""Data that is derived from the stored attempts and kept consistent with them."""
