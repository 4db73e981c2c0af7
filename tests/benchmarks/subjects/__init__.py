"""One module for each subject; `registry.SUBJECTS` finds them."""
