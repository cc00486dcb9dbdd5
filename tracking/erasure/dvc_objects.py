"""The files that DVC keeps, by hash, in the cache and in every remote.

DVC's commands cannot remove a single one (`dvc gc` removes all that it sees no use for, those of other clones too), so
its library is asked. Beside flows, this module alone imports it.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lvseg.core.errors import UserError
from tracking.provenance.dvc_command import private_site_cache

CACHE = "the cache"


class Objects:
    """The stores of a repository.

    Attributes:
        by_hand: remotes from which nothing can be removed here: they keep versions by themselves.
        run_cache: the folder of DVC's run cache.
    """

    def __init__(self, root: Path) -> None:
        os.environ.setdefault("DVC_SITE_CACHE_DIR", private_site_cache())
        from dvc.repo import Repo

        self._repo = Repo(str(root))
        self._stores: dict[str, Any] = {CACHE: self._repo.cache.local}
        self._listings: dict[str, list[tuple[str, str]] | None] = {}
        self.by_hand: list[str] = []
        self.run_cache = Path(self._repo.cache.local.path).parent.parent / "runs"
        for name in self._repo.config["remote"]:
            remote = self._repo.cloud.get_remote(name)
            if remote.worktree or remote.fs.version_aware:
                self.by_hand.append(name)
            else:
                self._stores[f"the remote {name}"] = remote.odb

    def held(self, oids: Iterable[str]) -> dict[str, set[str]]:
        """Return which of some hashes each store holds.

        Raises:
            UserError: a store cannot be asked.
        """
        wanted = sorted(set(oids))
        by_store = {}
        for name, store in self._stores.items():
            with _asked(name):
                by_store[name] = set(store.oids_exist(wanted))
        return by_store

    @contextmanager
    def opened(self, oid: str) -> Iterator[Path | None]:
        """Yield a file with the content of a hash, which is not to be changed; None where no store has it."""
        for name, store in self._stores.items():
            if not self._exists(name, oid):
                continue
            path = store.oid_to_path(oid)
            if name == CACHE:
                yield Path(path)
                return
            with tempfile.TemporaryDirectory(prefix="lvseg-") as folder:
                copy = Path(folder, "object")
                with _asked(name):
                    store.fs.get_file(path, str(copy))
                yield copy
                return
        yield None

    def listing(self, oid: str) -> list[tuple[str, str]] | None:
        """Return the path and the hash of each file of a folder; None where no store has its list."""
        if oid not in self._listings:
            with self.opened(oid) as path:
                listed = json.loads(path.read_bytes()) if path else None
            self._listings[oid] = listed and [(entry["relpath"], entry["md5"]) for entry in listed]
        return self._listings[oid]

    def remove(self, oids: Iterable[str]) -> None:
        """Remove some hashes from all stores, and what DVC remembers of those that remotes hold.

        Raises:
            UserError: a store refuses.
        """
        from dvc_data.hashfile.db import get_index

        with self._repo.lock:
            for name, held in self.held(oids).items():
                store = self._stores[name]
                with _asked(name):
                    if held:
                        store.fs.remove([store.oid_to_path(oid) for oid in sorted(held)])
                    get_index(store).clear()

    def _exists(self, name: str, oid: str) -> bool:
        store = self._stores[name]
        with _asked(name):
            return bool(store.fs.exists(store.oid_to_path(oid)))


@contextmanager
def _asked(name: str) -> Iterator[None]:
    """Turn whatever a store answers with into a `UserError`: each kind of remote has errors of its own."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"DVC, {name}: {' '.join(str(error).split()) or type(error).__name__}; mend it and repeat the command, "
            "which goes on where it was"
        ) from error
