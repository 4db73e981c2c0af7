"""Read and change settings in the files of a project: pytest's settings, and the workflow.

In: a file's text and one value. Out: the text with this value, and everything else as it was.
"""
