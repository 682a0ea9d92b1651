"""Completion for shells: scripts that know both commands, made from the same tables that read the command line.

They are plain text: completing a word starts no Python, which would take half a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from aisafe.errors import UsageError
from aisafe.options import OPTIONS, Option
from aisafe.playbook.commandline import FLAGS, TAKES_VALUE
from aisafe.rules import RULES

Groups = Mapping[str, Sequence[str]]
"""Words of aisafe that have words of their own behind them."""

LIKE_PLAYBOOK = ("plan", "fix")
"""Words of aisafe that take ansible-playbook's arguments."""


def completion(context: typer.Context, shell: Annotated[str, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print a script that completes both commands: source <(aisafe completion bash)."""
    made = SHELLS.get(shell)
    if made is None:
        raise UsageError(f"There is no completion for {shell!r}.", fix=f"Known: {', '.join(SHELLS)}.")
    known = getattr(context.find_root().command, "commands")  # noqa: B009  a group of click's, which typer brings
    groups = {name: sorted(word.commands) for name, word in known.items() if hasattr(word, "commands")}
    print(made(sorted(known), dict(sorted(groups.items()))), end="")


def options() -> tuple[str, ...]:
    """Every long option of aisafe-playbook; ours end with ``=`` where a value follows."""
    ours = (f"--{option.name}" + ("=" if option.takes_value else "") for option in OPTIONS if option.name)
    return (*sorted(ours), *sorted(name for name in FLAGS | TAKES_VALUE if name.startswith("--")))


def values() -> Mapping[str, Sequence[str]]:
    """Option of ours -> what may stand behind its ``=``, where that is a choice."""
    fixed = {f"--{option.name}": option.metavar.split("|") for option in OPTIONS if option.name and _choice(option)}
    return {**fixed, "--aisafe-accept": [name for name, _ in RULES]}


def _choice(option: Option) -> bool:
    return "|" in option.metavar and option.metavar.islower()


def bash(commands: Sequence[str], groups: Groups) -> str:
    cases = "".join(
        f'    {name}=*) words="{" ".join(found)}"; cur="${{cur#*=}}" ;;\n' for name, found in values().items()
    )
    return f"""\
# Completion of aisafe and aisafe-playbook for bash: source <(aisafe completion bash)
_aisafe_playbook() {{
  local line="${{COMP_LINE:0:COMP_POINT}}" cur words="{" ".join(options())}"
  cur="${{line##*[[:space:]]}}"
  case "$cur" in
{cases}    --*) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [[ "${{COMPREPLY[0]}}" == *= ]]; then compopt -o nospace 2>/dev/null; fi
}}
_aisafe() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}"
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W "{" ".join(commands)} --version --help" -- "$cur"))
  else
    case "${{COMP_WORDS[1]}}" in
      {"|".join(LIKE_PLAYBOOK)}) _aisafe_playbook ;;
      explain) COMPREPLY=($(compgen -W "{" ".join(name for name, _ in RULES)}" -- "$cur")) ;;
      completion) COMPREPLY=($(compgen -W "{" ".join(SHELLS)}" -- "$cur")) ;;
{"".join(_bash_group(name, words) for name, words in groups.items())}\
      *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
  fi
}}
complete -o filenames -o bashdefault -F _aisafe_playbook aisafe-playbook
complete -o filenames -o bashdefault -F _aisafe aisafe
"""


def zsh(commands: Sequence[str], groups: Groups) -> str:
    ours = " ".join(f"'{name}'" for name in options())
    return f"""\
#compdef aisafe aisafe-playbook
# Completion of aisafe and aisafe-playbook for zsh: source <(aisafe completion zsh), or as _aisafe in a directory of $fpath
_aisafe_playbook() {{
  case "$PREFIX" in
{"".join(f"    {name}=*) compset -P 1 '*='; compadd -- {' '.join(found)} ;;{chr(10)}" for name, found in values().items())}\
    -*) compadd -S '' -- {ours} ;;
    *) _files ;;
  esac
}}
_aisafe() {{
  if [[ "$service" == aisafe-playbook ]]; then _aisafe_playbook; return; fi
  if (( CURRENT == 2 )); then compadd -- {" ".join(commands)}; return; fi
  case "$words[2]" in
    {"|".join(LIKE_PLAYBOOK)}) _aisafe_playbook ;;
    explain) compadd -- {" ".join(name for name, _ in RULES)} ;;
    completion) compadd -- {" ".join(SHELLS)} ;;
{"".join(_zsh_group(name, words) for name, words in groups.items())}\
    *) _files ;;
  esac
}}
compdef _aisafe aisafe aisafe-playbook
"""


def fish(commands: Sequence[str], groups: Groups) -> str:
    like = "__fish_seen_subcommand_from " + " ".join(LIKE_PLAYBOOK)
    lines = ["# Completion of aisafe and aisafe-playbook for fish: aisafe completion fish | source"]
    helps = {f"--{option.name}": option.help for option in OPTIONS if option.name}
    for target in ("-c aisafe-playbook", f"-c aisafe -n '{like}'"):
        for name in options():
            plain = name.rstrip("=")
            choice = f" -a '{' '.join(values()[plain])}'" if plain in values() else ""
            takes = " -r" if name.endswith("=") or name in TAKES_VALUE else ""
            told = f" -d '{_quoted(helps[plain])}'" if plain in helps else ""
            lines.append(f"complete {target} -l {plain.removeprefix('--')}{takes}{choice}{told}")
    lines.append(f"complete -c aisafe -f -n __fish_use_subcommand -a '{' '.join(commands)}'")
    lines.append(f"complete -c aisafe -f -n '__fish_seen_subcommand_from explain' -a '{' '.join(n for n, _ in RULES)}'")
    for name, words in groups.items():
        seen = f"__fish_seen_subcommand_from {name}; and not __fish_seen_subcommand_from {' '.join(words)}"
        lines.append(f"complete -c aisafe -f -n '{seen}' -a '{' '.join(words)}'")
    return "\n".join(lines) + "\n"


def _bash_group(name: str, words: Sequence[str]) -> str:
    """Its words at the next place, files further on."""
    return (
        f'      {name}) if (( COMP_CWORD == 2 )); then COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$cur"))\n'
        '        else COMPREPLY=($(compgen -f -- "$cur")); fi ;;\n'
    )


def _zsh_group(name: str, words: Sequence[str]) -> str:
    return f"    {name}) if (( CURRENT == 3 )); then compadd -- {' '.join(words)}; else _files; fi ;;\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


SHELLS: Mapping[str, Callable[[Sequence[str], Groups], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
