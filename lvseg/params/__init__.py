"""`params.yaml`, validated as a whole at the door of every command."""

from lvseg.params.whole import Params, load

__all__ = ["Params", "load"]
