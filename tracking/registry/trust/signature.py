"""Signatures by SSH keys, as git has them: `ssh-keygen -Y`, with keys that people and machines have already.

`LVSEG_SIGNING_KEY` names the private key of whoever promotes; `LVSEG_ALLOWED_SIGNERS` a file of those whom this machine
believes, a line each: `anna@example.org ssh-ed25519 AAAA...`. Neither is needed; with the second, unsigned models are
refused.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from lvseg.core.errors import UserError

_NAMESPACE = "lvseg-model"  # a signature for something else is none for this
_KEY, _SIGNERS = "LVSEG_SIGNING_KEY", "LVSEG_ALLOWED_SIGNERS"


def key() -> Path | None:
    """Return the private key that this machine signs with; None where it signs nothing."""
    return _named(_KEY)


def signers() -> Path | None:
    """Return the file of those whose signatures count here; None where none is asked for."""
    return _named(_SIGNERS)


def sign(text: str) -> str:
    """Return the signature of a text.

    Raises:
        UserError: the key cannot be used.
    """
    path = key()
    if path is None:
        raise UserError(f"{_KEY} is not set: it names the key to sign with")
    done = _keygen("sign", "-f", str(path), content=text)
    if done.returncode:
        raise UserError(f"{_KEY}: {path} cannot sign ({_reason(done)})")
    return done.stdout


def verify(text: str, signature: str, what: str) -> str:
    """Return who has signed a text.

    Args:
        what: the text as the refusal calls it.

    Raises:
        UserError: nobody of the file of signers has.
    """
    path = signers()
    if path is None:
        raise UserError(f"{_SIGNERS} is not set: it names the file of those whose signatures count")
    if not path.is_file():
        raise UserError(f"{_SIGNERS}: {path} is no file")
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        answer = _keygen("find-principals", "-f", str(path), "-s", file.name)
        who = answer.stdout.splitlines()[0].split(",")[0].strip() if answer.stdout.strip() else ""
        done = _keygen("verify", "-f", str(path), "-I", who, "-s", file.name, content=text) if who else answer
    if done.returncode or not who:
        raise UserError(f"{what} is signed by nobody in {path} ({_reason(done)}): do not use it")
    return who


def _named(variable: str) -> Path | None:
    text = os.environ.get(variable)
    return Path(text).expanduser() if text else None


def _keygen(action: str, *arguments: str, content: str = "") -> "subprocess.CompletedProcess[str]":
    """Run `ssh-keygen -Y`, which asks nobody anything.

    Raises:
        UserError: it is not installed.
    """
    named = () if action == "find-principals" else ("-n", _NAMESPACE)
    command = ["ssh-keygen", "-Y", action, *arguments, *named]
    environment = {**os.environ, "SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}
    try:
        return subprocess.run(command, input=content, capture_output=True, text=True, env=environment)
    except FileNotFoundError:
        raise UserError("ssh-keygen is missing: install OpenSSH's client") from None


def _reason(done: "subprocess.CompletedProcess[str]") -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return re.sub(r"\s+", " ", lines[-1]) if lines else f"status {done.returncode}"
