"""What hosts keep of runs, used afterwards: listed, compared, single paths brought back, pruned, verified."""

from __future__ import annotations

import os
import signal

import pytest

from tests.hosts.test_shows import UNFORESEEN_FAILURE, eventually
from tests.story import Workplace, workplace

EDITS = """
- hosts: monitored
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: "by the run\\n", mode: "0640"}
    - ansible.builtin.file: {path: /etc/shop, state: directory, mode: "0750"}
    - ansible.builtin.copy: {dest: /etc/shop/shop.conf, content: "port = 1\\n", mode: "0600"}
    - ansible.builtin.systemd_service: {name: cron.service, state: stopped}
"""
HOSTS = ("-i", "inventory.ini", "monitored")


@pytest.fixture
def place(host, tmp_path) -> Workplace:
    return workplace(tmp_path / "work", [host.inventory_line()])


def last_run(place: Workplace) -> str:
    return place.run("aisafe", "runs", "-n", "1").stdout.split()[0]


def test_snapshots_are_listed_compared_brought_back_and_pruned(host, place):
    host.run("printf 'as it was\\n' > /etc/motd; chmod 644 /etc/motd; setfattr -n user.kept -v yes /etc/motd || true")
    before = host.run("stat -c '%a %u %g %y' /etc/motd; getfattr -d --absolute-names /etc/motd || true").stdout
    assert place.playbook(place.write("edits.yml", EDITS)).returncode == 0
    run = last_run(place)
    place.write("fails.yml", f"- hosts: monitored\n  tasks:\n    - command: {UNFORESEEN_FAILURE}\n")
    assert place.playbook("fails.yml").returncode == 21

    listed = place.run("aisafe", "snapshots", "list", *HOSTS)
    assert listed.returncode == 0, listed.stderr
    for words in (run, "confirmed", "rolled back", "MiB together", "free beside them"):
        assert words in listed.stdout, listed.stdout
    shown = place.run("aisafe", "snapshots", "show", run, *HOSTS)
    for words in ("/etc", "cron.service", "containers", "/etc/shop"):
        assert words in shown.stdout, shown.stdout
    compared = place.run("aisafe", "snapshots", "diff", run)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    for words in ("~ /etc/motd: ", "content", "mode", "+ /etc/shop/shop.conf", "unit cron.service is inactive"):
        assert words in compared.stdout, compared.stdout
    both = place.run("aisafe", "snapshots", "diff", run, "--against", last_run(place))
    assert "+ /etc/shop/shop.conf" in both.stdout, both.stdout

    host.run("echo mine > /etc/shop/mine; echo untouched > /etc/untouched")
    done = place.run("aisafe", "snapshots", "restore", run, "/etc/motd", "/etc/shop", *HOSTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.run("cat /etc/motd").stdout == "as it was\n"
    assert host.run("stat -c '%a %u %g %y' /etc/motd; getfattr -d --absolute-names /etc/motd || true").stdout == before
    assert host.run("test ! -e /etc/shop && cat /etc/untouched").stdout == "untouched\n"
    kept = next(line for line in done.stdout.splitlines() if "what stood there is in" in line).split()[6].rstrip(",")
    assert host.run(f"cat {kept}/etc/motd {kept}/etc/shop/shop.conf {kept}/etc/shop/mine").stdout.split("\n")[:3] == [
        "by the run", "port = 1", "mine",
    ]  # fmt: skip
    refused = place.run("aisafe", "snapshots", "restore", run, "/proc/version", *HOSTS)
    assert refused.returncode == 1, refused.stdout
    assert "does not cover" in refused.stderr

    kept_last = place.run("aisafe", "snapshots", "prune", "--keep", "0", *HOSTS)
    assert kept_last.returncode == 0, kept_last.stderr
    assert f"{run} stays: it is the last confirmed one" in kept_last.stdout, kept_last.stdout
    used = int(host.run("du -s -B1 /var/lib/aisafe/runs").stdout.split()[0])
    pruned = place.run("aisafe", "snapshots", "prune", "--space", "0", "--last", *HOSTS)
    assert pruned.returncode == 0, pruned.stderr
    assert host.run("ls /var/lib/aisafe/runs").stdout == ""
    freed = used - int(host.run("du -s -B1 /var/lib/aisafe/runs").stdout.split()[0])
    said = float(next(line for line in pruned.stdout.splitlines() if "are freed" in line).split()[1])
    assert abs(said - freed / (1 << 20)) < 1, (said, freed)
    gone = place.run("aisafe", "snapshots", "diff", run)
    assert gone.returncode == 1
    assert "There is no snapshot" in gone.stderr


def test_as_many_are_kept_as_the_settings_say(host, place):
    place.write("fails.yml", f"- hosts: monitored\n  tasks:\n    - command: {UNFORESEEN_FAILURE}\n")
    for _ in range(3):
        assert place.playbook("fails.yml", AISAFE_KEEP_SNAPSHOTS="1").returncode == 21
    eventually(host, "test $(ls /var/lib/aisafe/runs | wc -l) = 1")  # the host tidies up after it has told how it ended


def test_a_run_is_verified_at_any_time(host, place):
    place.write("edits.yml", EDITS + f"    - command: {UNFORESEEN_FAILURE}\n")
    assert place.playbook("edits.yml").returncode == 21
    undone = last_run(place)
    well = place.run("aisafe", "verify", undone)
    assert well.returncode == 0, well.stdout + well.stderr
    assert "as it was before the run" in well.stdout
    host.run("echo drift >> /etc/motd; systemctl stop cron.service")
    drifted = place.run("aisafe", "verify", undone, *HOSTS)
    assert drifted.returncode == 22, drifted.stdout
    for words in ("~ /etc/motd: ", "content", "unit cron.service is inactive"):
        assert words in drifted.stdout, drifted.stdout

    place.write("edits.yml", EDITS)
    assert place.playbook("edits.yml").returncode == 0
    confirmed = last_run(place)
    well = place.run("aisafe", "verify", "last")
    assert well.returncode == 0, well.stdout + well.stderr
    assert "when it was confirmed" in well.stdout
    host.run("rm /etc/shop/shop.conf; echo mine > /etc/mine")
    drifted = place.run("aisafe", "verify", confirmed)
    assert drifted.returncode == 22, drifted.stdout
    for words in ("- /etc/shop/shop.conf", "+ /etc/mine"):
        assert words in drifted.stdout, drifted.stdout

    assert place.run("aisafe", "rollback", confirmed).returncode == 0
    well = place.run("aisafe", "verify", confirmed)
    assert well.returncode == 0, well.stdout + well.stderr
    assert "with what others changed since" in well.stdout
    place.write("bad.ini", "[monitored]\n" + host.inventory_line().replace("ansible_port=22", "ansible_port=1") + "\n")
    blind = place.run("aisafe", "verify", confirmed, "-i", "bad.ini")
    assert blind.returncode == 22, blind.stdout + blind.stderr


SLOW = """
- hosts: monitored
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: "half done\\n", mode: "0644"}
    - ansible.builtin.shell: "sleep 60"
"""


def test_a_lock_whose_holder_died_is_told_and_ended_from_another_machine(host, place):
    motd = host.run("cat /etc/motd").stdout
    place.write("slow.yml", SLOW)
    child = place.begin("--aisafe-deadline=300", "slow.yml")
    eventually(host, "pgrep -f '[s]leep 60'", 120)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    elsewhere = {"XDG_STATE_HOME": str(place.directory / "elsewhere")}
    told = place.run("aisafe", "doctor", *HOSTS, **elsewhere)
    line = next(line for line in told.stdout.splitlines() if "is armed since" in line)
    for words in ("user ", "controller ", "slow.yml", "its controller spoke", "goes back by itself"):
        assert words in " ".join(told.stdout.split()), told.stdout
    run = line.split()[1]
    assert place.run("aisafe", "rollback", "last", **elsewhere).returncode == 2, "nothing is recorded there"
    done = place.run("aisafe", "rollback", run, *HOSTS, **elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.run("cat /etc/motd").stdout == motd


WAVE = """
- hosts: monitored
  tasks:
    - ansible.builtin.copy: {dest: /etc/motd, content: "by the run\\n", mode: "0644"}
    - ansible.builtin.command: /usr/bin/python3 -c "raise SystemExit(3)"
      when: inventory_hostname == fails_on
"""


def twin(host, place: Workplace) -> str:
    """The host once more, under another name."""
    line = host.inventory_line()
    with place.inventory.open("a") as inventory:
        inventory.write(f"twin {line.partition(' ')[2]}\n")
    return "twin"


def test_a_first_wave_that_fails_goes_back_and_the_next_is_not_begun(host, place):
    other = twin(host, place)
    motd = host.run("cat /etc/motd").stdout
    place.write("wave.yml", WAVE)
    done = place.playbook("wave.yml", "--aisafe-waves=1", "-e", f"fails_on={host.name}", "--limit", "all")
    assert done.returncode == 21, done.stderr
    assert done.stdout.count("PLAY RECAP") == 1
    assert other not in done.stdout.partition("PLAY RECAP")[2], "the wave is one host"
    for words in ("stopped at wave 1 of 2", f"before it: {host.name}", f"Not touched: {other}", "wave 2 was not begun"):
        assert words in done.stderr, done.stderr
    assert host.run("cat /etc/motd").stdout == motd


def test_a_confirmed_wave_stays_when_a_later_one_cannot_be_guarded(host, place):
    """The second name is the same host, which has been guarded in this run already: its arming is refused."""
    other = twin(host, place)
    place.write("wave.yml", WAVE)
    done = place.playbook("wave.yml", "-e", "fails_on=none", AISAFE_WAVES="1, 100%")
    assert done.returncode == 21, done.stderr
    for words in (f"Confirmed, and left so: {host.name}", f"Not touched: {other}", "on this host already"):
        assert words in " ".join(done.stderr.split()), done.stderr
    assert host.run("cat /etc/motd").stdout == "by the run\n"
    well = place.run("aisafe", "verify", "last")
    assert well.returncode == 0, well.stdout + well.stderr
    assert f"{other}: untouched by this run" in well.stdout


def test_waves_refuse_what_would_mean_something_else(host, place):
    twin(host, place)
    place.write(
        "once.yml", "- hosts: monitored\n  tasks:\n    - copy: {dest: /etc/motd, content: x}\n      run_once: true\n"
    )
    refused = place.playbook("once.yml", "--aisafe-waves=1")
    assert refused.returncode == 20, refused.stderr
    assert "across-waves" in refused.stderr


def test_a_later_wave_that_fails_goes_back_and_the_earlier_stays(hosts, tmp_path):
    two = hosts(2)
    place = workplace(tmp_path / "work", [host.inventory_line() for host in two])
    motd = two[1].run("cat /etc/motd").stdout
    place.write("wave.yml", WAVE)
    done = place.playbook("wave.yml", "--aisafe-waves=1", "-e", f"fails_on={two[1].name}")
    assert done.returncode == 21, done.stderr
    assert done.stdout.count("PLAY RECAP") == 2
    for words in ("stopped at wave 2 of 2", f"Confirmed, and left so: {two[0].name}", f"before it: {two[1].name}"):
        assert words in " ".join(done.stderr.split()), done.stderr
    assert two[0].run("cat /etc/motd").stdout == "by the run\n"
    assert two[1].run("cat /etc/motd").stdout == motd
    well = place.run("aisafe", "verify", "last")
    assert well.returncode == 0, well.stdout + well.stderr
