"""The last OpenVINO from PyPI that knows the Myriad chips, kept in an environment of its own.

It compiles for a Neural Compute Stick without one, runs an IR on its own CPU plugin (the
oldest runtime a user may have) and drives sticks that are plugged in.  Its Python is
another one than od's, so everything goes through a process (``worker.py``).
"""
