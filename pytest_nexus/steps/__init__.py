"""Run commands as cached steps: watch what they use, store their outputs, restore them."""
