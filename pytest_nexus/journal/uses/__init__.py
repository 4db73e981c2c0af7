"""The lines of a journal about the dependencies of tests: format, writer, reader."""
