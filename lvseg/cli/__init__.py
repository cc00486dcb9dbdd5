"""The `lvseg` command: what needs no repository, and in a checkout of the repository all of `tasks/` as well."""

from lvseg.cli.app import main

__all__ = ["main"]
