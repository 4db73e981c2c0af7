"""The commands: each module parses arguments, calls one function, and prints."""
