"""What to do about an error that is told in ansible's own words. Imports no ansible."""

from __future__ import annotations

import re

_ADVICE = (
    (r"(?i)no vault secrets found|without a vault|vault secrets? (is|are) (missing|required)",
     "Give the vault's password: --ask-vault-pass, --vault-password-file=FILE or --vault-id=NAME@FILE."),
    (r"(?i)decrypt", "The vault password does not fit this file: give the right one, or its --vault-id."),
    (r"(?i)inventory .*(could not be found|could not be read)",
     "Correct -i (or ANSIBLE_INVENTORY, or inventory= in ansible.cfg); ansible-inventory --graph -i FILE "
     "shows what it holds."),
    (r"(?i)leaves us with no hosts",
     "Correct --limit or -i; ansible-inventory --graph shows the hosts and groups there are."),
    (r"(?i)couldn't resolve module/action",
     "Correct its name, or install its collection: ansible-galaxy collection install NAMESPACE.NAME."),
    (r"(?i)the role .* was not found", "Correct its name, or install it: ansible-galaxy role install NAME."),
    (r"(?i)is undefined",
     "Define the variable (vars, the inventory or -e), or give it a default: {{ NAME | default('…') }}."),
    (r"(?i)yaml parsing failed", "Correct the YAML at that place; values with ': ' in them need quotes."),
    (r"(?i)empty playbook|must be a list of plays", "Write at least one play there: - hosts: GROUP, with tasks."),
    (r"(?i)not a valid attribute", "Correct or remove that word; ansible-doc -t keyword -l lists the words of a play."),
    (r"(?i)could not be found|not found|unable to retrieve file|no such file|does not appear to be a file",
     "Correct the name; it is looked for from the current directory."),
)  # fmt: skip
_OTHERWISE = "Correct it; ansible-playbook --syntax-check with the same arguments looks at it alone."


def advice(message: str) -> str:
    """One sentence on what to do about ansible's ``message``."""
    return next((text for pattern, text in _ADVICE if re.search(pattern, message)), _OTHERWISE)
