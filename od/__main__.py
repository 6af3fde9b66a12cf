"""``python -m od``: the same as the script ``od``, which coreutils' ``od`` may shadow."""

from od.cli import main

if __name__ == "__main__":
    main()
