# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Gives the guarded hosts a shell that puts the run's processes into a unit of their own, so that the host can stop them.

Runs inside the ansible that applies, which may be another version in another environment: nothing of aisafe is imported.
"""

from __future__ import annotations

import json
import os

from ansible.inventory.host import Host
from ansible.plugins.vars import BaseVarsPlugin

DOCUMENTATION = """
name: aisafe_guard
short_description: the shell that guarded hosts run their modules in
version_added: "2.16"
description:
  - Sets ansible_shell_executable for the hosts named in the JSON object in AISAFE_SHELLS. Does nothing without it.
options: {}
"""


class VarsModule(BaseVarsPlugin):
    REQUIRES_ENABLED = False
    is_stateless = True

    def get_vars(self, loader, path, entities, cache=True):
        shells = json.loads(os.environ.get("AISAFE_SHELLS", "{}"))
        found = {}
        for entity in entities:
            if isinstance(entity, Host) and entity.get_name() in shells:
                found["ansible_shell_executable"] = shells[entity.get_name()]
        return found
