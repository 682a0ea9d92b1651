"""How a host is reached: ssh (paramiko), local, and ansible's own connection plugins for the rest."""
