"""What is derived from the stored attempts, and kept equal to them."""
