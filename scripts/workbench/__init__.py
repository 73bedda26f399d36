"""Brings a workbench up on one host, takes it down, and runs its checks and tests.

`__main__` needs the standard library alone: it makes the virtual environment and goes on in it.
"""
