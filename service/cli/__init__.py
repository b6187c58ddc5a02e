"""The parts of the command line, `python -m service`. Nothing here imports the product before a command runs."""
