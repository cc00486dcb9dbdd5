"""The 45 patients of the Sunnybrook Cardiac Data as the 2009 challenge divided them (Radau et al. 2009)."""

_PARTS = {
    "training": {"HF-I": (1, 2, 4, 40), "HF-NI": (3, 4, 34, 36), "HYP": (1, 3, 38, 40), "N": (2, 3, 40)},
    "validation": {"HF-I": (5, 6, 7, 8), "HF-NI": (7, 11, 31, 33), "HYP": (6, 7, 8, 37), "N": (5, 6, 7)},
    "online": {"HF-I": (9, 10, 11, 12), "HF-NI": (12, 13, 14, 15), "HYP": (9, 10, 11, 12), "N": (9, 10, 11)},
}
_OF_PATIENT = {
    f"SC-{group}-{number:02d}": part
    for part, groups in _PARTS.items()
    for group, numbers in groups.items()
    for number in numbers
}


def official_part(patient: str) -> str:
    """Return training, validation or online for a canonical id of the challenge (SC-HF-I-01), else nothing."""
    return _OF_PATIENT.get(patient, "")
