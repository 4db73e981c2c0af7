"""Run the `nexus` command as `python -m pytest_nexus`, where its script is not on the path."""

import sys

from pytest_nexus.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
