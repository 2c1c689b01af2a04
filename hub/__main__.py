"""`naruko`, and `python -m hub`. Ctrl-C is quiet from the first import on."""

import signal
import sys


def main() -> int:
    """Runs the command line and returns its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is open yet: Ctrl-C just ends it
    from hub import cli  # noqa: PLC0415 (half a second of imports)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
