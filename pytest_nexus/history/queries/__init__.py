"""Questions that are answered from the stored attempts."""
