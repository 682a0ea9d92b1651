"""``make demo``: the story on a disposable real host, ending with where to look."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.story import Workplace, put_in, workplace
from tests.testbed import TestbedError, fresh
from tests.testbed.listing import differences, observe

HOST = "demo"
OWN_DATA = ["/var/lib/monitoring-agent"]
"""Where the agent writes what it measures, all the time and whatever we do."""


def main() -> int:
    os.environ.setdefault("AISAFE_TESTBED_NS", "demo")
    place = workplace(Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "aisafe-demo", [])
    try:
        say("A disposable host: systemd, sshd and Docker in a container (the first time it is built, a minute or two)")
        host = fresh(HOST)
    except TestbedError as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    place.inventory.write_text(f"[monitored]\n{host.inventory_line()}\n", encoding="utf-8")

    say("1. The agent as a systemd unit, as it was at first")
    run(place, "aisafe-playbook", "-i", "inventory.ini", "agent_unit.yml", expect=0)

    say("2. The generated play that wraps it in a container and forgets the unit: refused, and nothing is touched")
    before = observe(host, exclude=OWN_DATA)
    run(place, "aisafe-playbook", "-i", "inventory.ini", "agent_container.yml", expect=20)
    changed = differences(before, observe(host, exclude=OWN_DATA))
    print(f"The host's full listing before and after: {len(changed)} differences.")
    if changed:
        print("\n".join(changed))
        return 1

    say("3. The finding's own YAML, put in before the task it names")
    _code, document = place.plan("agent_container.yml")
    finding = next(item for item in document["findings"] if item["rule"] == "port-conflict")
    print(finding["yaml"])
    mended = put_in((place.directory / "agent_container.yml").read_text(), finding)
    place.write("agent_container_mended.yml", mended)
    run(place, "aisafe-playbook", "-i", "inventory.ini", "agent_container_mended.yml", expect=0)

    say("4. The same once more: nothing to do, nothing changes")
    run(place, "aisafe-playbook", "-i", "inventory.ini", "agent_container_mended.yml", expect=0)

    say("Where to look")
    print(f"""  cd {place.directory}
  export XDG_STATE_HOME={place.directory}/state PATH={place.environ()["PATH"].partition(":")[0]}:$PATH
  aisafe runs                                   what was run, and how it ended
  aisafe show last                              the last one, stage by stage
  aisafe plan -i inventory.ini agent_unit.yml   what going back to the unit would do
  AISAFE_TESTBED_NS=demo python3 -m tests.testbed run demo -- bash -lc 'ss -ltnp'    (in the checkout: the host itself)
  AISAFE_TESTBED_NS=demo python3 -m tests.testbed down                               (in the checkout: remove it)""")
    return 0


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def run(place: Workplace, *words: str, expect: int) -> None:
    """Run a command of the story with the terminal it has; ends the demo when it does not end as the story says."""
    print(f"$ {' '.join(words)}", flush=True)
    code = subprocess.run(words, cwd=place.directory, env=place.environ(), check=False).returncode
    print(f"(exit code {code})", flush=True)
    if code != expect:
        sys.exit(f"make demo: expected exit code {expect}, got {code}")


if __name__ == "__main__":
    sys.exit(main())
