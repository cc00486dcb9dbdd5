"""Bring back the champion before the present one."""

from lvseg.core.command import run


def main() -> None:
    """Make the champion before the present one champion again; the present one stays as a version."""
    from tracking.registry.succession import roll_back
    from tracking.registry.versions import MODEL
    from tracking.runs.required import required_store

    gone, back = roll_back(required_store())
    if back is None:
        print(
            f"{MODEL}: v{gone.version}, of which no run is left, is not champion; `lvseg promote` makes the next one"
        )
        return
    print(f"{MODEL}: v{back.version} is champion again, v{gone.version} is not; only its name brings it back")


if __name__ == "__main__":
    run(main)
