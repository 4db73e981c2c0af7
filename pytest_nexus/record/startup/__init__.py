"""A folder for PYTHONPATH: `sitecustomize` watches the Python processes of a command."""
