"""What a person sees of a study: the page, one sheet of paper whatever was found, and the film."""

import base64
import io
import math
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from lvseg.imaging.structures import Structure
from lvseg.studies.analysis.assessment import FAILED, LOOK, OK, Verdict
from lvseg.studies.analysis.result import StudyResult
from lvseg.studies.outputs.page import montage, movie, study_page, tiles, volume_curve
from tests.lvseg.studies.results import CENTRE, radius, result

pytestmark = pytest.mark.slow  # a browser prints

NAN = float("nan")
HOSTILE = "<script>alert('x')</script><img src=http://evil.example/a.png>\"&"


def html(study: StudyResult, folder: Path) -> str:
    study_page.write(folder / "report.html", study)
    return (folder / "report.html").read_text(encoding="utf-8")


def text(content: str) -> str:
    """What the page says, without its pictures, look and tags."""
    body = re.sub(r"<style>.*?</style>|<[^>]*>", " ", content, flags=re.DOTALL)
    return " ".join(body.split())


def lines(picture: Image.Image) -> NDArray[np.int64]:
    """Where the contour's colour is: (n, 2) rows and columns."""
    apart = np.abs(np.asarray(picture.convert("RGB"), int) - tiles.COLOURS[Structure.CAVITY]).sum(axis=2)
    return np.argwhere(apart < 150)


def test_the_page_says_what_was_measured(tmp_path: Path) -> None:
    study = result(verdict=LOOK)
    measured = study.measurements
    said = text(html(study, tmp_path))
    assert measured.ed_phase == 1 and measured.es_phase == 11
    for words in (
        "study-1",
        "Look at it.",
        "a reason",
        f"EF {measured.ef_percent:.0f} %",
        f"EDV {measured.edv_ml:.0f} ml",
        f"ESV {measured.esv_ml:.0f} ml",
        f"SV {measured.sv_ml:.0f} ml",
        "end-diastole phase 1, 0 ms",
        "end-systole phase 11, 400 ms",
        "heart beat 800 ms (75 a minute)",
        "slice distance 10.0 mm",
        "pixel spacing 1.40 × 1.40 mm",
        "matrix 72 × 80",
        "time after the R wave",
        "ED 1",
        "ES 11",
        "13 of 20 phases",
        "slices in the stack: 8; jump: 0.12; unknown: –",
        "series CINESAX why this one the only one",
        "a note",
        "unet v3, applied by lvseg 0.1.0; weights " + "0123456789abcdef" * 4,
        "not for clinical decisions",
    ):
        assert words in said, words


@pytest.mark.parametrize(
    ("verdict", "words"), [(OK, "✓ OK."), (LOOK, "! Look at it."), (FAILED, "✕ Failed.")]
)
def test_the_verdict_needs_no_colour(verdict: Verdict, words: str, tmp_path: Path) -> None:
    assert words in text(html(result(2, 3, verdict=verdict), tmp_path))


@pytest.mark.parametrize(
    "study",
    [
        result(),
        result(1, 1),
        result(segmented=False, verdict=FAILED),
        result(spacing=None, beat_ms=NAN, verdict=FAILED),
        result(3, 20, held=(20, 12, 25)),
    ],
    ids=["ordinary", "one frame", "nothing found", "no spacing and no time", "irregular"],
)
def test_the_page_stands_alone_and_invents_nothing(study: StudyResult, tmp_path: Path) -> None:
    content = html(study, tmp_path)
    plain = re.sub(r"base64,[^\"]*", "", content)
    assert not re.search(r"\b(nan|NaN|None|inf)\b", plain)
    assert "Doe" not in plain
    loaded = re.findall(r"(?:src|href)\s*=\s*[\"']?([^\"'> ]{0,5})", content)
    assert loaded and set(loaded) == {"data:"}
    assert not re.search(r"https?:|url\(|@import|<script", content)
    study_page.write(tmp_path / "again.html", study)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == content


def test_words_from_outside_are_only_words(tmp_path: Path) -> None:
    study = result(2, 3, verdict=LOOK, words=(HOSTILE,) * 4, name=HOSTILE)
    study = replace(study, model=replace(study.model, version=HOSTILE))
    content = html(study, tmp_path)
    assert "<script" not in content and "<img" not in content
    assert content.count("&lt;script&gt;") == 7  # series, why, note, reason, version, title and heading


def test_nothing_found_has_no_numbers(tmp_path: Path) -> None:
    study = result(
        segmented=False, verdict=FAILED, words=("CINE", "why", "note", "No left ventricle was found.")
    )
    study = replace(study, measurements=replace(study.measurements, edv_ml=0.0, esv_ml=0.0))
    said = text(html(study, tmp_path))
    assert said.count("No left ventricle was found.") == 1 and "There is no volume curve." in said
    assert "EF – ejection fraction EDV – end-diastolic volume ESV – end-systolic volume SV –" in said
    assert "end-diastole – end-systole –" in said
    assert not lines(picture(montage.draw(study))).size


def test_what_the_source_does_not_say_is_a_dash(tmp_path: Path) -> None:
    said = text(html(result(1, 4, spacing=None, beat_ms=NAN, verdict=FAILED), tmp_path))
    for words in ("end-systole – heart beat – slices", "slice distance – slice", "pixel spacing – matrix"):
        assert words in said
    assert "There is no ejection fraction." in said
    assert "by phase of the heart beat" in text(html(result(beat_ms=NAN), tmp_path))


def picture(drawn: montage.Montage) -> Image.Image:
    return Image.open(io.BytesIO(drawn.webp))


def test_contours_are_drawn_where_they_are_and_nowhere_else(tmp_path: Path) -> None:
    study = result()
    drawn = montage.draw(study)
    sheet, crop = picture(drawn), tiles.tile_crop(study)
    assert drawn.phases == (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19)
    size = sheet.width // len(drawn.phases)
    scale = size / crop.columns
    for place in range(10):
        for column, phase in enumerate(drawn.phases):
            corner = (column * size, place * size)
            line = lines(sheet.crop((*corner, corner[0] + size, corner[1] + size)))
            wanted = radius(place, 10, (phase - 1) / 20)
            assert bool(line.size) == (wanted > 0), (place, phase)
            if wanted:
                centre = (np.array(CENTRE) - (crop.left, crop.top) + 0.5) * scale - 0.5
                apart = np.hypot(line[:, 1] - centre[0], line[:, 0] - centre[1]) / scale
                assert apart.min() > wanted - 0.6 and apart.max() < wanted + 0.6
                assert abs(apart.mean() - wanted) < 0.15
    inside = base64.b64encode(drawn.webp).decode()
    assert f'href="data:image/webp;base64,{inside}"' in html(study, tmp_path)


def test_pixels_that_are_no_squares_are_shown_as_the_heart_is() -> None:
    """Twice as high as wide: half as many rows fill the square, and the disc becomes an ellipse."""
    study = result(1, 1, spacing=(2.0, 1.0))
    crop = tiles.tile_crop(study)
    assert abs(crop.columns - 2 * crop.rows) <= 1
    line = lines(tiles.draw_tile(study, 0, crop, 200))
    assert np.ptp(line[:, 0]) == pytest.approx(2 * np.ptp(line[:, 1]), rel=0.06)


def test_a_heart_at_the_border_is_shown_beside_black() -> None:
    study = result(1, 1)
    corner = np.zeros_like(study.masks)
    corner[0, :12, :12] = 1
    crop = tiles.tile_crop(replace(study, labels=corner))
    assert crop.left < 0 and crop.top < 0
    assert not np.asarray(tiles.draw_tile(study, 0, crop, 64))[:8].any()


@pytest.mark.parametrize(
    ("phases", "most", "wanted"), [(40, 8, {39, 40}), (20, 13, {2, 9}), (9, 8, {9}), (30, 14, {1, 12}), (5, 8, {2})]
)  # fmt: skip
def test_phases_are_spread_with_ed_and_es_among_them(phases: int, most: int, wanted: set[int]) -> None:
    shown = montage.shown_phases(phases, most, wanted)
    assert len(shown) == min(phases, most) == len(set(shown)) and wanted <= set(shown)
    assert list(shown) == sorted(shown) and shown[0] >= 1 and shown[-1] <= phases
    assert max(np.diff(shown)) <= 3 * phases / most + 1


def test_the_curve_fits_its_field() -> None:
    measured = result().measurements
    drawn = volume_curve.volume_curve(measured)
    assert drawn is not None and drawn.timed and len(drawn.points) == 20
    places = np.array(drawn.points)
    assert places[:, 0].min() == 0 and places[:, 0].max() == pytest.approx(volume_curve.WIDTH)
    assert places[:, 1].min() >= 0 and places[:, 1].max() <= volume_curve.HEIGHT
    assert places[:, 1].argmin() == 0 and places[:, 1].argmax() == 10
    assert list(drawn.marks) == ["ED", "ES"] and drawn.marks["ES"] == places[10, 0]
    assert drawn.upwards[0].text == "0" and drawn.upwards[0].at == volume_curve.HEIGHT
    gap = measured.volume_ml.copy()
    gap[3] = np.nan
    some = volume_curve.volume_curve(replace(measured, volume_ml=gap))
    assert some is not None and len(some.points) == 19
    assert volume_curve.volume_curve(replace(measured, volume_ml=np.full(20, np.nan))) is None


@pytest.mark.parametrize(
    ("study", "duration"),
    [(result(), 40), (result(3, 16), 50), (result(beat_ms=NAN), 40), (result(2, 25, held=(25, 10)), 32)],
    ids=["ordinary", "few slices", "no time", "irregular"],
)
def test_the_film_runs_through_the_beat(study: StudyResult, duration: int, tmp_path: Path) -> None:
    movie.write(tmp_path / "cine.webp", study)
    with Image.open(tmp_path / "cine.webp") as film:
        assert isinstance(film, WebPImageFile)
        assert (film.format, film.n_frames, film.info["loop"]) == ("WEBP", study.cine.phases, 0)
        shown = []
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            assert film.info["duration"] == duration
            shown.append(len(lines(film)))
    assert shown[0] > shown[study.cine.phases // 2] > 0, "the contour does not beat"
    movie.write(tmp_path / "again.webp", study)
    assert (tmp_path / "again.webp").read_bytes() == (tmp_path / "cine.webp").read_bytes()


def test_the_film_of_one_frame_is_a_picture(tmp_path: Path) -> None:
    movie.write(tmp_path / "cine.webp", result(1, 1))
    with Image.open(tmp_path / "cine.webp") as film:
        assert film.size == (320, 320) and lines(film).size


LONG = "A sentence that goes on and on to say what was odd and how it was handled. " * 6
SIZES = {"ordinary": result(), "one frame": result(1, 1), "most": result(16, 40, verdict=LOOK)}


def test_the_numbers_behind_the_verdict_are_said_in_words(tmp_path: Path) -> None:
    study = result()
    quality = {
        "slices_segmented": 7.0, "empty_beyond_base": 0.0, "empty_beyond_apex": math.nan, "largest_jump": 0.354,
        "curve_roughness": 1.04, "disagreement_percent": 12.0,
    }  # fmt: skip
    page = html(replace(study, assessment=replace(study.assessment, quality=quality)), tmp_path)
    assert (
        "with a cavity: 7; an empty slice beyond the base: no; "
        "an empty slice beyond the apex: –; largest change from slice to slice: 35 %; "
        "ups and downs of the volume in a beat: 1.04; drawn otherwise when mirrored and turned: 12 %"
    ) in page


def talkative() -> StudyResult:
    study = result(16, 40, verdict=LOOK, words=(LONG,) * 4, name="n" * 200)
    quality = {f"number_{place}": place / 7 for place in range(40)}
    return replace(
        study,
        cine=replace(study.cine, notes=(LONG,) * 20),
        assessment=replace(study.assessment, reasons=(LONG,) * 20, quality=quality),
    )


@pytest.mark.parametrize("study", [*SIZES.values(), talkative()], ids=[*SIZES, "talkative"])
def test_it_prints_on_one_page_of_which_nothing_is_cut_off(study: StudyResult, tmp_path: Path) -> None:
    """A page's height is fixed in print: what the text does not leave to the montage would be cut off in silence."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    content = html(study, tmp_path)
    measure = "document.title = [document.body.scrollHeight, document.body.clientHeight].join(' of ')"
    as_printed = content.replace("@media print", "@media all").replace(
        "</body>", f"<script>{measure}</script></body>"
    )
    (tmp_path / "measured.html").write_text(as_printed, encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --window-size=711,1039 --hide-scrollbars"
    )
    command = [chromium, *flags.split(), f"--user-data-dir={tmp_path}/profile"]
    printed = tmp_path / "report.pdf"
    subprocess.run(
        [*command, f"--print-to-pdf={printed}", (tmp_path / "report.html").as_uri()],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) == 1
    dom = subprocess.run(
        [*command, "--dump-dom", (tmp_path / "measured.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
    (sizes,) = re.findall(r"<title>(\d+) of (\d+)</title>", dom)
    assert 1000 < int(sizes[1]) < 1040 and int(sizes[0]) <= int(sizes[1])
