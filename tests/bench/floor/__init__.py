"""A floor of agents for `shift.py`: phones, desktops, callers, and a judge of what they were told."""
