"""Bring back the champion before the present one."""

from lvseg.command import run


def main() -> None:
    """Make the champion before the present one champion again; the present one stays as a version."""
    from tracking.opening import opened
    from tracking.registry import MODEL
    from tracking.succession import roll_back

    gone, back = roll_back(opened())
    print(f"{MODEL}: v{back.version} is champion again, v{gone.version} is not; only its name brings it back")


if __name__ == "__main__":
    run(main)
