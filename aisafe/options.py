"""Every setting: its option, variable, key, default and unit. Help, completion, man pages and documents are made from it."""

from __future__ import annotations

from typing import Any, Literal

from aisafe.frozen import frozen

FILE_NAMES = (".aisafe.yml", ".config/aisafe.yml")
Shape = Literal["text", "path", "number", "integer", "flag", "list"]


@frozen
class Option:
    """One setting. ``name``, ``env`` and ``key`` are '' where there is no option, variable or key in the file for it.

    ``metavar``: what stands after ``=``. ``repeated``: may be given several times (in the variable: with commas).
    """

    name: str
    env: str
    key: str
    help: str
    metavar: str = ""
    shape: Shape = "text"
    default: str = ""
    unit: str = ""

    @property
    def takes_value(self) -> bool:
        return self.shape != "flag"

    @property
    def repeated(self) -> bool:
        return self.shape == "list"

    def allows(self, value: Any) -> bool:
        """Whether ``value`` is plainly one that the schema of the settings file allows; False: it is to be asked."""
        words = self.metavar.split("|")
        text = self.shape in ("text", "path") and value != ""
        return text and (words[-1] in ("FILE", "DIRECTORY", "FORMAT") or (value in words and value.islower()))

    def __str__(self) -> str:
        return f"--{self.name}" + (f"={self.metavar}" if self.takes_value else "")


def _option(key: str, metavar: str, shape: Shape, default: str, unit: str, help: str, *, flag: str = "") -> Option:
    name = flag and f"aisafe-{flag}"
    env = f"AISAFE_{(flag.replace('-', '_') or key).upper()}"
    return Option(name=name, env=env, key=key, metavar=metavar, shape=shape, default=default, unit=unit, help=help)


OPTIONS: tuple[Option, ...] = (
    Option(name="aisafe-config", env="AISAFE_CONFIG", key="", metavar="FILE", shape="path",
           default=" or ".join(FILE_NAMES), help="Where the settings are."),
    _option("format", "FORMAT", "text", "terminal", "", "How the forecast is shown.", flag="format"),
    _option("reports", "FORMAT[:PATH]", "list", "none", "", "A report to write when the run ends.", flag="report"),
    _option("accept", "RULE[@HOST]", "list", "none", "", "Go on in spite of this rule's findings; recorded.",
            flag="accept"),
    _option("deadline", "SECONDS", "number", "60", "s",
            "Without a word from the controller for this long, the host rolls back by itself.", flag="deadline"),
    _option("settle", "SECONDS", "number", "5", "s", "How long services are watched after the run.", flag="settle"),
    _option("waves", "SIZE[,SIZE]", "text", "all at once", "",
            "Go over the hosts in waves of these sizes (1,25%,100%), each proved and confirmed before the next begins.",
            flag="waves"),
    _option("snapshot", "PATH", "list", "none", "", "What to snapshot on the hosts beside what the run touches.",
            flag="snapshot"),
    _option("lint", "auto|on|off", "text", "auto", "",
            "Run ansible-lint beside the forecast; auto: when it is installed.", flag="lint"),
    _option("prompt", "FILE", "path", "none", "", "The prompt that the play came from, kept in the record.",
            flag="prompt"),
    _option("model", "NAME@VERSION", "text", "none", "", "The model that wrote the play, kept in the record.",
            flag="model"),
    _option("plan", "FILE", "path", "none", "", "Go on only if nothing has moved since this plan was made.", flag="plan"),
    _option("plan_only", "", "flag", "off", "", "Judge and stop: for jobs that always call ansible-playbook (AWX).",
            flag="plan-only"),
    _option("state", "live|none|FILE", "text", "live", "",
            "What the hosts are: asked, unknown, or as recorded (aisafe state save); others than live only to plan.",
            flag="state"),
    _option("debug", "", "flag", "off", "", "Show the traceback of an error.", flag="debug"),
    _option("trust", "PATH", "list", "none", "",
            "Files and directories whose plugins, inventories and password scripts may run while judging."),
    _option("forks", "NUMBER", "integer", "10", "hosts", "How many hosts are asked at once."),
    _option("lint_timeout", "SECONDS", "number", "180", "s", "For ansible-lint."),
    _option("allow_untested_ansible", "", "flag", "off", "",
            "Forecast with an ansible-core that aisafe was not tested with; a finding says so."),
    _option("ansible_playbook", "FILE", "path", "the next in PATH", "", "The real ansible-playbook."),
    _option("state_dir", "DIRECTORY", "path", "$XDG_STATE_HOME/aisafe", "", "Where runs are recorded."),
    _option("kubernetes_version", "VERSION", "text", "none", "",
            "The cluster's version, such as 1.31, that Kubernetes manifests are judged against."),
    _option("keep_runs", "NUMBER", "integer", "200", "runs", "How many records of runs are kept, the newest."),
    _option("keep_snapshots", "NUMBER", "integer", "3", "runs",
            "How many runs' snapshots each host keeps, the newest; the last confirmed one stays."),
    Option(name="", env="", key="rules", metavar="RULE: LEVEL", default="each rule's own",
           help="error (blocks), warn, note (shown with -v) or off, for each rule."),
    Option(name="", env="", key="checks", metavar="LIST", default="none",
           help="Checks of your own after the run: name, one of command, tcp and http, hosts, timeout."),
)  # fmt: skip
