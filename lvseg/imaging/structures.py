"""The structures of a label map and their numbers, which no data set and no params change."""

from enum import IntEnum


class Structure(IntEnum):
    """The numbers of a label map; 0 is everything else.

    Arrays with a column or a channel for each structure have them in this order.
    """

    CAVITY = 1  # of the left ventricle; papillary muscles and trabeculae count as cavity
    MYOCARDIUM = 2  # of the left ventricle
    RIGHT_VENTRICLE = 3  # its cavity

    @property
    def words(self) -> str:
        """The name as it is written for people, such as `right ventricle`."""
        return self.name.lower().replace("_", " ")

    @property
    def key(self) -> str:
        """The name as it stands in tables and files, such as `right_ventricle`."""
        return self.name.lower()


STRUCTURES = tuple(Structure)
