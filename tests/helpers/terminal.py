"""What begins a program that a test sends a signal to."""

import signal


def listens_to(number: int) -> str:
    """Return lines that let Python end at a signal as in a terminal.

    What starts the tests in the background (nohup, a shell's `&`) has some signals ignored, which programs inherit.
    """
    handler = "default_int_handler" if number == signal.SIGINT else "SIG_DFL"
    return f"import signal\nsignal.signal({int(number)}, signal.{handler})\n"
