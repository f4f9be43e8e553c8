"""Tells whose signature params.yaml asks for, so that what reads one is installed for that deployment and no other."""

from __future__ import annotations

import sys

from actionlib.problems import ended
from actionlib.registry import image_settings
from actionlib.workflow import output


def main() -> int:
    output({"verify": image_settings().verify})
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
