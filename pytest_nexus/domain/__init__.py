"""The vocabulary that every other room uses. Imports nothing of ours but errors."""
