"""docs/licences.md names every installed package whose licence asks for more than its text to be kept."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPYLEFT = re.compile(r"\b[AL]?GPL|\bMPL|\bEPL|\bCDDL|\bEUPL|Mozilla|General Public|Eclipse|UNKNOWN")


def test_the_page_of_licences_names_what_is_copyleft_or_unknown() -> None:
    options = ("--from=mixed", "--format=json", "--ignore-packages", "lvseg")
    command = [sys.executable, "-m", "piplicenses", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = (ROOT / "docs/licences.md").read_text(encoding="utf-8").lower()
    missing = {
        package["Name"]: package["License"]
        for package in json.loads(done.stdout)
        if COPYLEFT.search(package["License"]) and package["Name"].lower() not in told
    }
    assert not missing, f"docs/licences.md says nothing of {missing}"
