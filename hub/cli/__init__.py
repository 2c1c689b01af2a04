"""`naruko`: the command line. Exit codes: 0 ok, 1 not as expected, 2 usage, 3 config, 4 I/O, 5 ledger."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hub import __version__
from hub.cli import acts, grafana, link, look, people, quiet, run, status, traps, users
from hub.cli.common import CONFIG, IO, LEDGER, OK
from hub.config.load import ConfigError
from hub.ledger import LedgerError

COMMANDS = (run, status, look, acts, link, people, traps, quiet, users, grafana)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIG
    except LedgerError as error:
        print(error, file=sys.stderr)
        return LEDGER
    except BrokenPipeError:
        sys.stderr.close()
        return OK
    except OSError as error:
        print(f"naruko: {error}", file=sys.stderr)
        return IO
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    naruko = argparse.ArgumentParser(
        prog="naruko", description="Sensor hub for wildlife and disaster alerts (鳴子)."
    )
    naruko.add_argument("--version", action="version", version=f"naruko {__version__}")
    commands = naruko.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], says: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=says, description=says)
        made.set_defaults(run=run)
        made.add_argument("-c", "--config", type=Path, default=None, metavar="DIR", help="folder of the town")
        return made

    for room in COMMANDS:
        room.add(command)
    return naruko
