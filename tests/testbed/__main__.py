"""Command line of the test bed: `python3 -m tests.testbed --help`."""

from __future__ import annotations

import argparse
import sys
import time

from . import TestbedError, build, down, engine, find, fresh, inventory, status, up


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns 0, or 1 with the reason on standard error, or the exit code of `run`'s command."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.testbed", description="Real test hosts on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the hosts' image, unless it is there")
    for name, text in (
        ("up", "start hosts; those that run are left as they are"),
        ("reset", "make hosts again, as they were at first"),
    ):
        commands.add_parser(name, help=text).add_argument("names", nargs="+", metavar="NAME")
    commands.add_parser("down", help="remove hosts; all of the namespace without a name").add_argument(
        "names", nargs="*", metavar="NAME"
    )
    commands.add_parser("reboot", help="boot a host again").add_argument("name", metavar="NAME")
    commands.add_parser("status", help="list the hosts of the namespace")
    commands.add_parser("inventory", help="print an Ansible inventory of the running hosts")
    run = commands.add_parser("run", help="run a command on a host as root: run NAME -- CMD")
    run.add_argument("name", metavar="NAME")
    run.add_argument("words", nargs="+", metavar="CMD")
    options = parser.parse_args(arguments)
    try:
        return _command(options)
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1


def _command(options: argparse.Namespace) -> int:
    started = time.monotonic()
    match options.command:
        case "build":
            print(build())
        case "up":
            for host in up(options.names):
                print(host.inventory_line())
            print(f"ready in {time.monotonic() - started:.1f} s", file=sys.stderr)
        case "reset":
            for name in options.names:
                print(fresh(name).inventory_line())
            print(f"ready in {time.monotonic() - started:.1f} s", file=sys.stderr)
        case "down":
            for container in down(options.names or None):
                print(f"removed {container}")
        case "reboot":
            find(options.name).reboot()
        case "status":
            print(f"Docker {engine()}")
            for entry in status():
                where = f"{entry['address']}:{entry['port']}"
                print(f"{entry['name']:<16} {where:<21} {entry['state']:<10} {entry['container']}")
        case "inventory":
            running = [entry["name"] for entry in status() if entry["state"] == "running" and not entry["owner"]]
            print(inventory([find(name) for name in running]), end="")
        case "run":
            words = options.words
            done = find(options.name).run(words[0] if len(words) == 1 else words, check=False, timeout=3600)
            sys.stdout.write(done.stdout)
            sys.stderr.write(done.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
