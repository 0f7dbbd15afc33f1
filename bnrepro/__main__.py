"""``python -m bnrepro`` and the console script."""

from bnrepro.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
