"""Work pools of processes whose flow runs bring no command, no environment and no folder of their own.

Prefect's own template takes all three from whoever starts a run. This keeps a form from being a shell by one field; it
is no wall against who has the password of the server, for he may change the pool (docs/security.md).
"""

from copy import deepcopy
from typing import Any

TYPE = "process"
TAKEN = ("stream_output",)  # what a run or a deployment may set


def closed(template: dict[str, Any]) -> dict[str, Any]:
    """Return a pool's base job template that takes `TAKEN` alone; fixed values that somebody wrote into it stay."""
    result = deepcopy(template)
    variables = result.get("variables", {})
    variables["properties"] = {
        name: facts for name, facts in variables.get("properties", {}).items() if name in TAKEN
    }
    variables.pop("required", None)
    result["job_configuration"] = {
        name: value for name, value in result.get("job_configuration", {}).items() if not _foreign(value)
    }
    return result


def is_open(template: dict[str, Any]) -> bool:
    """Return whether a run may set more than `TAKEN`."""
    return bool(closed(template) != template)


def _foreign(value: Any) -> bool:
    """Return whether a value of a job's configuration holds a variable other than `TAKEN`."""
    text = str(value)
    for name in TAKEN:
        text = text.replace("{{ " + name + " }}", "")
    return "{{" in text


def default() -> dict[str, Any]:
    """Return Prefect's template for pools of processes, closed."""
    from prefect.workers.process import ProcessWorker

    return closed(ProcessWorker.get_default_base_job_template())
