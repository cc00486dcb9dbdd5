"""A tracking store for a command that is of no use without one."""

from lvseg import params
from lvseg.core.errors import UserError
from tracking.runs.store import Store, open_store, reason, shown, tracking_uri


def required_store() -> Store:
    """Open the tracking store with the experiment of params.yaml.

    Raises:
        UserError: it is out of reach.
    """
    experiment = params.load().tracking.experiment
    try:
        return open_store(experiment)
    except Exception as error:
        raise UserError(
            f"the tracking store {shown(tracking_uri())} cannot be used ({reason(error)}): start it, or mend "
            "MLFLOW_TRACKING_URI"
        ) from error
