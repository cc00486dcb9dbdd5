"""Pictures: the same bytes every time, and the colours that the legend promises."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb
from PIL import Image

from lvseg.core.backend import keras
from lvseg.data import drawn_frames, examples
from lvseg.pictures import style
from lvseg.pictures.agreement import draw_agreement
from lvseg.pictures.curves import draw_curves
from lvseg.pictures.distribution import draw_distribution
from lvseg.pictures.network import connections, draw_network, settings
from lvseg.pictures.overlays import OPACITY, Overlay, crop, draw_overlays, tinted
from lvseg.pictures.samples import draw_samples


def branching_model() -> keras.Model:
    image = keras.Input((16, 16, 1), name="image")
    first = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    pooled = keras.layers.MaxPooling2D(2, name="pooled")(first)
    back = keras.layers.Conv2DTranspose(4, 2, strides=2, name="back")(pooled)
    joined = keras.layers.Concatenate(name="joined")([first, back])
    return keras.Model(image, joined)


def overlay(dice: float = 0.5) -> Overlay:
    image = np.arange(64.0 * 64).reshape(64, 64)
    reference, predicted = np.zeros((2, 64, 64), np.uint8)
    reference[20:30, 20:30] = predicted[25:35, 20:30] = 1
    return Overlay(image, reference, predicted, 1.4, dice, "P-01\nslice 1, phase 1 (ED)")


def slices() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": ["a"] * 4 + ["b"] * 4,
            "patient": ["P-1", "P-1", "P-2", "P-2"] * 2,
            "group": ["N", "N", "", ""] * 2,
            "cycle": ["ED", "ES", "ED", ""] * 2,
            "dice": [0.1, 0.9, math.nan, 0.4, math.nan, math.nan, math.nan, math.nan],
        }
    )


def measured() -> pd.DataFrame:
    names = ("edv_ml", "esv_ml", "ef_percent")
    automatic = {name: [120.0, 90.0, 100.0, 80.0, 150.0, math.nan] for name in names}
    return pd.DataFrame(
        automatic | {f"manual_{name}": [110.0, 95.0, 97.0, 88.0, 141.0, 70.0] for name in names}
    )


def samples(path: Path, folder: Path) -> None:
    parts = {
        part: examples.select_examples(folder / "shards", folder / "split.csv", part, ()).examples
        for part in ("train", "validation", "nobody")
    }
    draw_samples(path, parts)


HISTORY: dict[str, list[float]] = {
    "epoch": [1, 2],
    "loss": [0.7, 0.01],
    "val_loss": [0.8, 0.3],
    "dice": [math.nan, 0.5],
    "val_dice": [0, 0.4],
}
DRAWINGS: dict[str, Callable[[Path, Path], None]] = {
    "curves": lambda path, _: draw_curves(path, "m", HISTORY),
    "not-validated": lambda path, _: draw_curves(
        path, "m", HISTORY | {"val_loss": [math.nan] * 2, "val_dice": [math.nan] * 2}
    ),
    "one-epoch": lambda path, _: draw_curves(
        path, "m", {name: values[:1] for name, values in HISTORY.items()}
    ),
    "network": lambda path, _: draw_network(path, "m", branching_model(), 16),
    "overlays": lambda path, _: draw_overlays(
        path, "m", {"best": [overlay(), overlay()], "worst": [overlay(0.0)]}
    ),
    "distribution": lambda path, _: draw_distribution(path, slices()),
    "agreement": lambda path, _: draw_agreement(path, "m", measured()),
    "nothing-to-agree": lambda path, _: draw_agreement(path, "m", measured().assign(manual_edv_ml=math.nan)),
    "samples": samples,
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_same_bytes_twice_whatever_the_user_has_set_and_no_word_of_the_software(
    name: str, tmp_path: Path, tiny_shards: Path
) -> None:
    first, second = tmp_path / "deep/er/1.png", tmp_path / "2.png"
    DRAWINGS[name](first, tiny_shards)
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "savefig.dpi": 30}):
        DRAWINGS[name](second, tiny_shards)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert set(picture.info) == {"dpi"}
        assert np.asarray(picture.convert("L")).std() > 5  # something is drawn


def coloured(path: Path, colour: str) -> int:
    """How many pixels have the hue of a colour: grey below it or beside it, as in blends, changes no hue."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"), float) / 255
    apart = np.abs(rgb_to_hsv(pixels)[..., 0] - rgb_to_hsv(to_rgb(colour))[0])
    return int(((np.minimum(apart, 1 - apart) < 4 / 360) & (np.ptp(pixels, axis=2) > 0.15)).sum())


# Pixels of each series at least: more than its entry in the legend has, less than it has with the data.
SERIES = {
    "curves": {style.BLUE: 1000, style.VERMILLION: 1500},
    "not-validated": {style.BLUE: 1000},
    "one-epoch": {style.BLUE: 200, style.VERMILLION: 300},
    "overlays": {style.TRUE_POSITIVE: 2000, style.FALSE_POSITIVE: 2000, style.FALSE_NEGATIVE: 2000},
    "distribution": {style.BLUE: 120, style.VERMILLION: 80},
    "agreement": {style.BLUE: 300, style.VERMILLION: 3000},
    "nothing-to-agree": {style.BLUE: 200, style.VERMILLION: 2000},
}


@pytest.mark.parametrize("name", SERIES)
def test_the_data_is_drawn_and_not_the_axes_alone(name: str, tmp_path: Path) -> None:
    DRAWINGS[name](tmp_path / "1.png", tmp_path)
    for colour, least in SERIES[name].items():
        assert coloured(tmp_path / "1.png", colour) > least, colour


def test_what_is_not_known_is_not_drawn(tmp_path: Path) -> None:
    for name in ("not-validated", "agreement", "nothing-to-agree"):
        DRAWINGS[name](tmp_path / f"{name}.png", tmp_path)
    assert coloured(tmp_path / "not-validated.png", style.VERMILLION) == 0
    points = [coloured(tmp_path / f"{name}.png", style.BLUE) for name in ("nothing-to-agree", "agreement")]
    assert points[0] / points[1] == pytest.approx(2 / 3, abs=0.02), "one of three panels has no patient"


@pytest.mark.parametrize("blank", ["image", "labels"])
def test_samples_show_image_and_label(
    blank: str, tmp_path: Path, tiny_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples(tmp_path / "1.png", tiny_shards)
    load = drawn_frames.load

    def without(example: examples.Example) -> drawn_frames.DrawnFrame:
        frame = load(example)
        return replace(frame, **{blank: np.zeros_like(getattr(frame, blank))})

    monkeypatch.setattr(drawn_frames, "load", without)
    samples(tmp_path / "2.png", tiny_shards)
    grey = [np.asarray(Image.open(tmp_path / f"{n}.png").convert("L"), int) for n in (1, 2)]
    assert (np.abs(grey[0] - grey[1]) > 20).sum() > 1000


def test_a_box_for_each_layer(tmp_path: Path) -> None:
    DRAWINGS["network"](tmp_path / "1.png", tmp_path)
    pixels = np.asarray(Image.open(tmp_path / "1.png").convert("RGB"))
    for tint, boxes in {"#d5e8f4": 2, "#fbe6c8": 1, "#eceff2": 2}.items():  # convolution, pooling, others
        count = (pixels == np.rint(255 * np.array(to_rgb(tint))).astype(int)).all(axis=2).sum()
        assert 20_000 < count / boxes < 60_000, tint


def test_colours_tell_hit_from_false_alarm_from_miss() -> None:
    given = overlay()
    grey, picture = style.grey(given.image), tinted(given.image, given.reference, given.predicted)
    for place, tint in {
        (27, 25): style.TRUE_POSITIVE,
        (32, 25): style.FALSE_POSITIVE,
        (22, 25): style.FALSE_NEGATIVE,
    }.items():
        added = picture[place] - (1 - OPACITY) * grey[place]
        assert added / OPACITY == pytest.approx(to_rgb(tint))
    assert picture[5, 5] == pytest.approx([grey[5, 5]] * 3)


@pytest.mark.parametrize("place", [(0, 0), (255, 199), (128, 100)])
def test_a_crop_shows_all_that_is_drawn(place: tuple[int, int]) -> None:
    drawn = np.zeros((256, 200), bool)
    drawn[place] = True
    assert drawn[crop(drawn)].sum() == 1 and drawn[crop(drawn)].shape == (96, 96)
    drawn[0, 0] = drawn[255, 199] = True
    assert drawn[crop(drawn)].shape == (256, 200)
    assert drawn[crop(np.zeros_like(drawn))].shape == (256, 200)


def test_network_lists_settings_and_every_connection() -> None:
    model = branching_model()
    assert settings(model.get_layer("first")) == "Conv2D, 4 filters 3×3, relu"
    assert settings(model.get_layer("pooled")) == "MaxPooling2D, 2×2"
    assert settings(model.get_layer("back")) == "Conv2DTranspose, 4 filters 2×2, stride 2"
    assert set(connections(model)) == {
        ("image", "first"),
        ("first", "pooled"),
        ("pooled", "back"),
        ("first", "joined"),
        ("back", "joined"),
    }
