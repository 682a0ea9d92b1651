"""What brings the host's programs back before anything that needs them: it needs nothing but what it brought along.

A run may take away the C library, the shell or Python itself. A private shell, mv and rsync, each started by a private
copy of the dynamic loader with private libraries, put the snapshot's programs back; then the agent can do the rest.
"""

from __future__ import annotations

import os
from typing import List

from . import command, layers, rsync
from .store import Run, Store

PROGRAMS = {"sh": "first-sh", "mv": "first-mv"}
"""Programs of the host that are brought along -> their names in the store's bin."""

TREES = ("usr", "opt", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc/ld.so.cache", "etc/ld.so.conf",
         "etc/ld.so.conf.d", "etc/alternatives")  # fmt: skip
OPTIONS = "-aHAX --numeric-ids --modify-window=-1 --checksum"
TIME = 900.0
"""Seconds that putting the programs back may take."""

SCRIPT = """#!/bin/sh
# Runs the agent that armed this run, with the interpreter that it was armed with. Where that does not run any more,
# the snapshot's programs are put back first; a run that is undone in this way cannot be confirmed any more.
here={run}
private="{base}/lib/ld.so --library-path {base}/lib"
if [ "$1" != watch ] || [ -e "$here/watching" ]; then
  if [ -e "$here/is-armed" ] || [ -e "$here/is-rolling-back" ]; then
    if ! {python} -I -B "$here/agent.pyz" ready; then
      echo "aisafe: the agent does not run; the snapshot's programs are put back first"
      $private {base}/bin/first-mv "$here/is-armed" "$here/is-rolling-back"
      cd -P "$here" || exit 1
      layers=
      while :; do
        layers="$PWD/tree $layers"
        [ -L base ] && cd -P base || break
      done
      for layer in $layers; do
        cd "$layer" || continue
        for part in {trees}; do
          if [ -e "$part" ] || [ -L "$part" ]; then
            $private {base}/bin/rsync {options} --relative "./$part" /
          fi
        done
      done
      cd /
    fi
  fi
fi
exec {python} -I -B "$here/agent.pyz" "$@"
"""


def install(store: Store) -> None:
    """Bring the programs along; made anew when the host's have changed."""
    for name, private in PROGRAMS.items():
        source = command.find(name)
        if source is not None:
            rsync.bring(store, source, private)


def shell(store: Store) -> str:
    """The words of a unit that start a POSIX shell: the private one, else the host's."""
    loader, private = os.path.join(store.lib, "ld.so"), os.path.join(store.bin, PROGRAMS["sh"])
    if os.path.exists(loader) and os.path.exists(private):
        return "%s --library-path %s %s" % (loader, store.lib, private)
    return "/bin/sh"


def script(store: Store, run: Run, python: str) -> str:
    return SCRIPT.format(run=run.path, base=store.base, python=python, trees=" ".join(TREES), options=OPTIONS)


def mend(store: Store, run: Run) -> None:
    """Put the programs back when not even systemctl can be started. Raises CommandFailed."""
    try:
        command.run(["systemctl", "--version"], timeout=10)
    except command.CommandFailed:
        words: List[str] = [*rsync.program(store), *OPTIONS.split(), "--relative"]
        for tree in reversed(layers.trees(run)):
            parts = [part for part in TREES if os.path.lexists(os.path.join(tree, part))]
            if parts:
                command.outcome([*words, *("%s/./%s" % (tree, part) for part in parts), "/"], timeout=TIME)
