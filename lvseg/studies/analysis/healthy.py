"""What healthy adults have, as far as it was measured by the convention of this program: papillary muscles as cavity.

804 healthy Caucasians of 45 to 74 years in the UK Biobank, contoured by hand in short-axis cines: Petersen et al. 2017,
J Cardiovasc Magn Reson 19:18, doi:10.1186/s12968-017-0327-9. The figures are those of its abstract, mean and standard
deviation; other papers count the papillary muscles as wall, which moves EF, volumes and mass.
"""

SOURCE = "Healthy adults of 45 to 74 years, mean ± standard deviation: Petersen et al. 2017, UK Biobank"
# By measure, with its unit, and sex.
HEALTHY = {
    "ef_percent": ("%", {"F": (61, 5), "M": (58, 5)}),
    "mass_g": ("g/m²", {"F": (42, 7), "M": (53, 9)}),
}
_SEXES = {"F": "women", "M": "men"}


def healthy(measure: str, sex: str) -> str:
    """Return what healthy adults have of a measure, in words: of one sex, or of both where it is unknown.

    Args:
        measure: its name, as a `Measurements` has it.
        sex: F, M or "".

    Example:
        >>> healthy("ef_percent", "F")
        'women 61 ± 5 %'
    """
    unit, values = HEALTHY.get(measure, ("", {}))
    return ", ".join(
        f"{_SEXES[of]} {mean} ± {deviation} {unit}"
        for of, (mean, deviation) in values.items()
        if sex in ("", of)
    )
