"""Where a tracking server keeps the files of runs: in its own folder or bucket, and nowhere else.

MLflow lets whoever makes an experiment name a place for its files, and the server then reads and writes there with its
own rights: through a link that another user of the machine lays into a folder of his, every file of the server's owner.
MLflow has no setting against it.
"""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

_LOOKED_UP = ("runs", "models")  # stand for another address, which is asked about again
_LOCAL = ("", "file")


def keep_to_own() -> None:
    """Let the server of this process use no other place, and nobody name one."""
    from mlflow.server import handlers
    from mlflow.store.artifact import artifact_repository_registry as repositories

    # MLflow asks this of every place before it opens it, and the other of what a request names.
    hosts = repositories.enforce_server_artifact_uri_host_policy
    assert callable(handlers._validate_experiment_artifact_location)

    def check(address: str) -> None:
        hosts(address)
        _check(address)

    repositories.enforce_server_artifact_uri_host_policy = check
    handlers._validate_experiment_artifact_location = _refuse


def is_own(address: str, roots: Sequence[str]) -> bool:
    """Return whether an address lies in one of the server's own places, links followed.

    Args:
        address: a path, `file:///...`, `s3://bucket/...` or another of MLflow's.
        roots: the addresses of the server's own places.
    """
    return urlparse(address).scheme in _LOOKED_UP or any(_is_below(address, root) for root in roots)


def _is_below(address: str, root: str) -> bool:
    there, here = urlparse(address), urlparse(root)
    if there.scheme in _LOCAL and here.scheme in _LOCAL:
        return _path(address).is_relative_to(_path(root))
    path = PurePosixPath(unquote(there.path))
    same_store = (there.scheme, there.netloc) == (here.scheme, here.netloc)
    return same_store and ".." not in path.parts and path.is_relative_to(here.path or "/")


def _path(address: str) -> Path:
    from mlflow.utils.file_utils import local_file_uri_to_path

    return Path(local_file_uri_to_path(address)).resolve()


def _check(address: str) -> None:
    """Refuse a place that is not the server's own, as its command line named it.

    Raises:
        MlflowException: it is another.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, ARTIFACTS_DESTINATION_ENV_VAR

    known = (os.environ.get(name) for name in (ARTIFACT_ROOT_ENV_VAR, ARTIFACTS_DESTINATION_ENV_VAR))
    roots = [root for root in known if root]
    if not is_own(address, roots):
        raise MlflowException.invalid_parameter_value(
            f"the files lie in {address}, and this server reads and writes only below {' and '.join(roots)}"
        )


def _refuse(_address: str) -> None:
    from mlflow.exceptions import MlflowException

    raise MlflowException.invalid_parameter_value(
        "this server keeps the files of its runs itself: leave artifact_location out"
    )
