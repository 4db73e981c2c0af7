"""What a change can touch."""
