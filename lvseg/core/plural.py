"""Numbers of things in words."""


def counted(number: int, thing: str) -> str:
    """Return a number of things in words.

    Example:
        >>> counted(1, "patient"), counted(0, "slice")
        ('1 patient', '0 slices')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"
