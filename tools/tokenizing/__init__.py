"""The parts of tools/tokenize_text.py."""


class InputError(Exception):
    """Something that the user gave is wrong; its text is the one line to print."""
