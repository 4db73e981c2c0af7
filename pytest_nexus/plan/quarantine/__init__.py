"""Which tests fail no build: the file, and who enters or leaves it."""
