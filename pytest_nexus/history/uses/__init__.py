"""The dependencies of tests in the history: how they are packed, stored, copied and cleaned up."""
