"""What stays written down: who did what, what was used, and which requests came already."""
