"""What scores of models are called wherever they stand: in tables, on pages, on cards."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ScoreName:
    """A score that every patient has.

    Attributes:
        column: where its values are, one per patient.
        name: what people call it.
        unit: empty where it has none.
        decimals: that are shown.
        rises: whether more of it is better.
    """

    column: str
    name: str
    unit: str
    decimals: int
    rises: bool

    @property
    def title(self) -> str:
        """The head of its column: the name with its unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


DICE = ScoreName("dice_mean", "Dice", "", 3, True)
DM = ScoreName("dm", "DM", "", 3, True)
APD = ScoreName("apd_mm", "APD", "mm", 2, False)
GOOD = ScoreName("good_percent", "good contours", "%", 1, True)
HD95 = ScoreName("hd95_mm", "hd95", "mm", 1, False)
EF_ERROR = ScoreName("ef_error", "EF error", "points", 1, False)
EDV_ERROR = ScoreName("edv_error", "EDV error", "ml", 1, False)
