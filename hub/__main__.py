"""`naruko`, and `python -m hub`. Ctrl-C is quiet from the first import on."""

import sys


def main() -> int:
    """Runs the command line and returns its exit code."""
    try:
        from hub import cli  # noqa: PLC0415 (half a second, in which somebody may press Ctrl-C)

        return cli.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
