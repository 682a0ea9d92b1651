"""Run as a child process: write ansible's own ``setup`` module with all it needs as one archive that Python runs.

ansible's packer (``module_common``) finds the imports and makes its self-extracting script. From that the archive and
the arguments are taken, and run without extracting: the same module and the same loader, without half a second of
unpacking and compiling on each host.
"""

from __future__ import annotations

import ast
import base64
import io
import sys
import zipfile
from pathlib import Path
from typing import Any

ARGUMENTS: dict[str, Any] = {
    "gather_subset": ["all"],
    "gather_timeout": 10,  # seconds, the module's own default
    "_ansible_module_name": "ansible.legacy.setup",
    "_ansible_no_log": True,  # it would log its call in the host's journal
    "_ansible_check_mode": False,
    "_ansible_diff": False,
    "_ansible_verbosity": 0,
    "_ansible_keep_remote_files": False,
    "_ansible_remote_tmp": "~/.ansible/tmp",
    "_ansible_shell_executable": "/bin/sh",
    "_ansible_socket": None,
    "_ansible_syslog_facility": "LOG_USER",
    "_ansible_selinux_special_fs": ["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"],
}
MAIN = """\
import os
import sys
import time

from ansible.module_utils._internal._ansiballz import _loader

os.chdir("/")
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.005))  # it polls its own threads, each time for 0.1 s
_loader.run_module(json_params={params!r}, profile={profile!r}, module_fqn={module_fqn!r},
                   modlib_path=os.path.dirname(os.path.abspath(__file__)), extensions={{}})
"""
EPOCH = (1980, 1, 1, 0, 0, 0)


def script() -> str:
    """ansible's self-extracting script for the setup module."""
    from ansible.executor import module_common  # noqa: PLC0415
    from ansible.parsing.dataloader import DataLoader  # noqa: PLC0415
    from ansible.plugins.loader import init_plugin_loader, module_loader  # noqa: PLC0415
    from ansible.release import __version__  # noqa: PLC0415
    from ansible.template import Templar  # noqa: PLC0415

    init_plugin_loader([])
    variables = {"ansible_python_interpreter": "/usr/bin/python3"}
    found = module_loader.find_plugin_with_context("ansible.legacy.setup")
    built = module_common.modify_module(
        module_name="ansible.legacy.setup",
        module_path=found.plugin_resolved_path,
        module_args={**ARGUMENTS, "_ansible_version": __version__},
        templar=Templar(loader=DataLoader(), variables=variables),
        task_vars=variables,
        module_compression="ZIP_DEFLATED",
    )
    return str(built.b_module_data.decode())


def archive(text: str) -> bytes:
    """The archive inside the script, with an entry of its own; the same bytes for the same script.

    Raises ValueError when the script is not made as known.
    """
    given: dict[str, Any] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_ansiballz_main":
            for keyword in node.keywords:
                if keyword.arg in ("zip_data", "params", "profile", "module_fqn"):
                    given[keyword.arg] = ast.literal_eval(keyword.value)
    if set(given) != {"zip_data", "params", "profile", "module_fqn"}:
        raise ValueError("ansible's module packer makes another script than is known")
    main = MAIN.format(params=given["params"].encode(), profile=given["profile"], module_fqn=given["module_fqn"])
    output = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(base64.b64decode(given["zip_data"]))) as packed,
        zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made,
    ):
        files = {name: packed.read(name) for name in packed.namelist()} | {"__main__.py": main.encode()}
        for name in sorted(files):
            made.writestr(zipfile.ZipInfo(name, EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return output.getvalue()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(archive(script()))
