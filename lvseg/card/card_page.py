"""The model card as a page with its pictures inside, and as a few lines of Markdown."""

from collections.abc import Mapping
from pathlib import Path

from lvseg.card import facts
from lvseg.card.facts import Facts
from lvseg.metrics.fewest import FEWEST
from lvseg.pages.environment import environment
from lvseg.pages.headlines import some
from lvseg.pages.numbers import number

_NETWORKS = {
    "dense": "the article's first network, fully connected: a baseline",
    "cnn": "the article's second network, convolutional",
    "unet": "a U-Net on a grid in millimetres",
}
_DATA = {
    "phantom": "a phantom: synthetic hearts, no patients",
    "sunnybrook": "the Sunnybrook Cardiac Data of the 2009 challenge",
    "other": "data of one's own",
}


def render(told: Facts, pictures: Mapping[str, bytes]) -> str:
    """Return the card as HTML, in the sections that model cards have (Mitchell et al. 2019).

    Args:
        told: the facts.
        pictures: PNG files `overlays` and `agreement`, as far as there are any.
    """
    pages = environment(Path(__file__).parent)
    pages.filters["some"] = some
    return pages.get_template("card.html").render(
        facts=told,
        network=_NETWORKS.get(told.network, told.network),
        source=facts.source(told),
        data=_DATA[facts.source(told)],
        measures=facts.MEASURES,
        fewest=FEWEST,
        scores=facts.scores(told),
        divisions=facts.divisions(told),
        worst=facts.worst(told),
        limits=facts.limits(told),
        decision=decision(told),
        pictures=pictures,
    )


def summary(told: Facts, page: str) -> str:
    """Return the card in short, as Markdown.

    Args:
        told: the facts.
        page: where the whole card is, in words.
    """
    every = facts.scores(told)[0]
    figures = ", ".join(
        some(
            f"{measure.name} {number(mean.mean, measure.decimals)} {measure.unit}".rstrip(),
            mean.patients,
            every.patients,
        )
        for measure, mean in zip(facts.MEASURES, every.means, strict=True)
        if mean.patients
    )
    lines = [
        f"**{told.network}**, {_NETWORKS.get(told.network, told.network)}, for the left ventricle in short-axis "
        "cine MRI. For research, not for clinical decisions.",
        f"**{figures}**: means over {every.patients} test patients ({every.slices} contours) of "
        f"{told.dataset or 'unknown data'}, {_DATA[facts.source(told)]}; test hash `{told.tags['test_hash']}`.",
        decision(told),
        f"The whole card, with figures by group, failures and limits: {page}.",
    ]
    return "\n\n".join(lines)


def decision(told: Facts) -> str:
    """Return what was decided on the version, in words."""
    if not told.decision:
        return "No decision on its promotion was recorded."
    before = told.decision.get("champion_before")
    verdict = "Promoted to champion" if told.decision.get("promoted") else "Not promoted"
    return f"{verdict}: {told.decision.get('reason')}" + (
        f" (champion before: v{before})." if before else "."
    )
