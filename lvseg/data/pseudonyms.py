"""Names under which patients and studies are stored: keyed hashes, unless the ids are public."""

import hashlib
import hmac
import os
import secrets

from lvseg.core.errors import UserError
from lvseg.core.paths.path_names import path_name, readable
from lvseg.core.paths.places import state_home

_KEY_BYTES = 32


def pseudonym(patient: str, public: bool) -> str:
    """Return the name under which a patient is stored: the id itself if ids are public, else a keyed hash.

    It names files: of an id that could lead elsewhere, `path_name` makes one that cannot.

    The key lies in `state_home()/pseudonym.key` and is made on first use. Who holds it can recompute a
    pseudonym from an id; without it a pseudonym says nothing.
    """
    if public:
        return path_name(patient)
    return "P" + _keyed(patient)


def study_name(uid: str, shown: str = "") -> str:
    """Return the name of a study in outputs: a keyed hash of its UID, after the letters and digits of `shown`."""
    beginning = readable(shown)
    return (f"{beginning}-" if beginning else "") + "S" + _keyed(uid)


def keyed_uid(uid: str) -> str:
    """Return a UID under 2.25 (PS3.5 B.2) that stands for another one: always the same, to nobody without the key."""
    return f"2.25.{int(_digest(f'UID {uid}')[:32], 16)}"


def _keyed(text: str) -> str:
    return _digest(text)[:12]


def _digest(text: str) -> str:
    return hmac.new(_pseudonym_key(), text.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()


def _pseudonym_key() -> bytes:
    """Return the secret key, made once with access for its owner only."""
    path = state_home() / "pseudonym.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_hex(_KEY_BYTES))
        try:
            os.link(temporary, path)  # unlike a rename, a link never replaces the key of another process
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UserError(
            f"{path} is damaged: bring back your copy, or delete it and run `dvc repro extract` anew"
        )
    return key
