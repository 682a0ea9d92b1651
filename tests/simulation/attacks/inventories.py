"""Inventories that are programs, or that make ansible's plugins run or reach out."""

from __future__ import annotations

from pathlib import Path

from tests.simulation.attacks import PROGRAM, TOUCH, Attack, Bundle

HOSTS = PROGRAM + 'echo \'{"all": {"hosts": ["h1"]}}\'\n'


def refused(name: str, attack: Attack, inventory: str | None, **more: object) -> Bundle:
    return Bundle(name=name, attacks=(attack,), inventory=inventory, fails=True, **more)  # type: ignore[arg-type]


def _behind_a_link(project: Path) -> None:
    script = project / "hidden" / "real.sh"
    (project / "linked").symlink_to(script)


BUNDLES = (
    refused("inventory program", Attack(
        name="an inventory program", bites=True, says=r"inv\.sh is a program, and it was not run.* trust: \[inv\.sh\]",
        files={"inv.sh": HOSTS}), "inv.sh"),
    refused("inventory program in a directory", Attack(
        name="an inventory program in a directory", bites=True, says=r"is a program.* trust: \[inventories/50-evil\]",
        files={"inventories/10-static": "[web]\nh1\n", "inventories/50-evil": HOSTS}), "inventories"),
    refused("inventory program of ansible.cfg", Attack(
        name="an inventory program of ansible.cfg", bites=True, says=r"is a program.* trust: \[inv\.sh\]",
        files={"ansible.cfg": "[defaults]\ninventory = inv.sh\n", "inv.sh": HOSTS}), None),
    refused("inventory program behind a link", Attack(
        name="an inventory program behind a link", bites=True, says="is a program, and it was not run",
        files={"hidden/real.sh": HOSTS}, make=_behind_a_link), "linked"),
    refused("inventory plugin of the project", Attack(
        name="an inventory plugin of the project", bites=True,
        says=r"inventory plugins in inventory_plugins were not loaded.* trust: \[inventory_plugins\]",
        files={"ansible.cfg": "[inventory]\nenable_plugins = evil\n", "evil.yml": "plugin: evil\n",
               "inventory_plugins/evil.py": TOUCH + "from ansible.plugins.inventory import BaseInventoryPlugin\n"
               "class InventoryModule(BaseInventoryPlugin):\n    NAME = 'evil'\n    def verify_file(self, path):\n"
               "        return True\n    def parse(self, inventory, loader, path, cache=True):\n"
               "        inventory.add_host('h1')\n"}), "evil.yml"),
    refused("inventory plugin that reaches out", Attack(
        name="an inventory plugin that reaches out", says=r"runs the plugin .*nmap.* trust: \[scan\.yml\]",
        files={"scan.yml": "plugin: community.general.nmap\naddress: 127.0.0.1\n"}), "scan.yml"),
    Bundle(name="inventory that only reads", inventory="inv", attacks=(
        Attack(name="a constructed inventory with a lookup", bites=True, says="the lookup pipe can run",
               files={"inv/10-hosts": "[web]\nh1\n", "inv/20-constructed.yml": "plugin: constructed\nstrict: false\n"
                      "compose:\n  x: lookup('pipe', 'touch CANARY')\n"}),
        Attack(name="a generated inventory with a lookup", bites=True, says="the lookup pipe can run",
               files={"inv/30-generator.yml": "plugin: generator\nhosts:\n  name: \"{{ lookup('pipe', 'touch CANARY') }}g\"\n"
                      "layers:\n  a: [b]\n"}),
        Attack(name="a template in an inventory's variable", bites=True, says="the lookup pipe can run",
               play='tasks: [{debug: {msg: "{{ in_inventory }}"}}]',
               files={"inv/40.yml": "all: {hosts: {h1: {in_inventory: \"{{ lookup('pipe', 'touch CANARY') }}\"}}}\n"}),
        Attack(name="an unsafe tag", says="", play='tasks: [{debug: {msg: "{{ tagged }}"}}]',
               files={"inv/50.yml": "all: {hosts: {h1: {tagged: !unsafe \"{{ lookup('pipe', 'touch CANARY') }}\"}}}\n"}),
        Attack(name="a Python tag in YAML", says="",
               files={"inv/60.yml": "all: {hosts: {h1: {x: !!python/object/apply:os.system ['touch CANARY']}}}\n"}),
        Attack(name="a user that is a lookup", bites=False, says="the lookup pipe can run",
               files={"inv/70.yml": "all: {hosts: {h1: {ansible_user: \"{{ lookup('pipe', 'touch CANARY') }}\"}}}\n"}),
        Attack(name="a connection that is a lookup", bites=False, says="the lookup pipe can run",
               files={"inv/80.yml": "all: {hosts: {h1: {ansible_ssh_common_args: \"{{ lookup('pipe', 'touch CANARY') }}\"}}}\n"}),
    )),
)  # fmt: skip
