"""The model that predictions are made with: fetched once, and never another one than was promoted."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run

from lvseg import params
from lvseg.core.errors import UserError
from lvseg.core.paths.places import state_home
from lvseg.studies.analysis.result import KnownError
from tests.tracking.registry.test_promotion import never
from tracking.registry import champion
from tracking.registry.promotion import promote
from tracking.registry.versions import CHAMPION, MODEL, version_of
from tracking.runs.store import Store
from tracking.scores.evaluation import _flat

NETWORK = "model.keras"


@pytest.fixture
def promoted(store: Store, evaluated: Callable[..., Run]) -> Callable[[], Run]:
    """Return what promotes a better model each time."""
    dice = iter((0.90, 0.93, 0.96))

    def make() -> Run:
        run = evaluated(next(dice), spread=[0.0] * 8)
        assert promote(store, run, params.load().promotion, never, Path("models"), named=False).promoted
        return run

    return make


def artifact(store: Store, run: Run) -> Path:
    """Return the folder of the store that holds the model of a run."""
    logged = store.client.get_logged_model(run.data.tags["lvseg.model_uri"].removeprefix("models:/"))
    return Path(logged.artifact_location.removeprefix("file://")) / "data/model"


def kept() -> list[str]:
    home = state_home() / "models"
    return sorted(path.name for path in home.iterdir()) if home.is_dir() else []


def test_the_champion_is_fetched_once(store: Store, promoted: Callable[[], Run]) -> None:
    with pytest.raises(UserError, match=r"has no champion: .*lvseg promote.*--model models/unet"):
        champion.fetched()
    run = promoted()
    first = champion.fetched()
    shutil.rmtree(artifact(store, run))
    assert first == champion.fetched() == champion.fetched("v1")
    assert first.version == "v1" and {p.name for p in first.folder.iterdir()} == {NETWORK, "run.json"}
    (first.folder / "run.json").write_text(json.dumps({"model": "unet", "weights_hash": "ef" * 32}))
    with pytest.raises(UserError, match="holds another model"):
        champion.fetched()


def test_its_tested_errors_come_with_it(store: Store, promoted: Callable[[], Run]) -> None:
    """As an evaluation logs them; a measure of which it says nothing has none."""
    run, scores = promoted(), {"mae": 8.25, "patients": 4}
    structures = {
        "myocardium": {"volumes": {"mass_g": scores}},
        "right_ventricle": {"volumes": {"edv_ml": scores}},
    }
    for name, value in _flat({"cine": {"ef_percent": scores}, "structures": structures}).items():
        store.client.log_metric(run.info.run_id, name, value)
    errors = {error.measure: error for error in champion.fetched().errors}
    assert errors == {
        name: KnownError(name, 8.25, 4) for name in ("ef_percent", "mass_g", "rv_edv_ml")
    }  # fmt: skip


@pytest.mark.parametrize("name", ["../../victim", "/victim", "", "AB" * 32, "ab" * 32 + "\n"])
def test_no_tag_names_the_folder_that_is_replaced(
    store: Store, promoted: Callable[[], Run], tmp_path: Path, name: str
) -> None:
    promoted()
    victim = state_home().parent / "victim"
    victim.mkdir()
    (victim / "thesis").write_text("years")
    store.client.set_model_version_tag(MODEL, "1", "lvseg.weights_hash", name)
    with pytest.raises(UserError, match=r"lvseg.weights_hash = .*which no training writes"):
        champion.fetched()
    assert [path.name for path in victim.iterdir()] == ["thesis"] and not kept()


def test_a_version_is_the_model_of_its_run(store: Store, promoted: Callable[[], Run]) -> None:
    first, second = promoted(), promoted()
    said = version_of(store, CHAMPION).tags
    claims = {
        first.data.tags["lvseg.model_uri"]: second.info.run_id,  # another network under the champion's tags
        Path("/etc").as_uri(): second.info.run_id,
        second.data.tags["lvseg.model_uri"]: first.info.run_id,
    }
    for source, run_id in claims.items():
        made = store.client.create_model_version(MODEL, source, run_id, said)
        with pytest.raises(UserError, match="is another: somebody has changed it"):
            champion.fetched(str(made.version))
    store.client.set_tag(second.info.run_id, "lvseg.model_uri", "https://evil.example/model")
    with pytest.raises(UserError, match=r"lvseg.model_uri = 'https://evil.example/model', which no training"):
        champion.fetched()
    assert not kept()


@pytest.mark.parametrize("file", [NETWORK, "run.json"])
def test_what_was_exchanged_in_the_store_is_not_used(
    store: Store, promoted: Callable[[], Run], file: str
) -> None:
    """The weights hash alone would not tell: other layers between the same weights, another grid."""
    path = artifact(store, promoted()) / file
    if file == NETWORK:
        path.write_bytes(path.read_bytes() + b"\0")
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"prediction": {"size": 1}}))
    with pytest.raises(UserError, match="other files than lv-segmentation v1 was promoted with"):
        champion.fetched()
    assert not kept()


def test_what_was_exchanged_before_the_promotion_gets_no_name(
    store: Store, evaluated: Callable[..., Run]
) -> None:
    run = evaluated(0.9)
    path = artifact(store, run) / NETWORK
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UserError, match="the tracking store holds another model than models/"):
        promote(store, run, params.load().promotion, never, Path("models"), named=False)
    with pytest.raises(UserError, match="has no version champion"):
        version_of(store, CHAMPION)


def key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Return a private key, and a file that says that its owner may sign."""
    key, signers = folder / name, folder / f"{name}.signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)], check=True)
    signers.write_text(f"{name}@example.org {key.with_suffix('.pub').read_text()}")
    return key, signers


def test_where_a_key_is_asked_for_only_what_its_owner_signed_is_used(
    store: Store, promoted: Callable[[], Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (anna, annas), (_, bobs) = key_pair(tmp_path, "anna"), key_pair(tmp_path, "bob")
    promoted()
    monkeypatch.setenv("LVSEG_ALLOWED_SIGNERS", str(annas))
    with pytest.raises(UserError, match="v1 is not signed"):
        champion.fetched()
    monkeypatch.setenv("LVSEG_SIGNING_KEY", str(anna))
    promoted()
    assert champion.fetched().version == "v2"
    monkeypatch.setenv("LVSEG_ALLOWED_SIGNERS", str(bobs))
    with pytest.raises(UserError, match=r"v2 is signed by nobody in .*bob\.signers"):
        champion.fetched()
    monkeypatch.setenv("LVSEG_ALLOWED_SIGNERS", str(annas))
    signed = version_of(store, "2").tags
    store.client.set_model_version_tag(MODEL, "1", "lvseg.signature", signed["lvseg.signature"])
    with pytest.raises(UserError, match="v1 is signed by nobody"):
        champion.fetched("1")  # a signature for another model
    monkeypatch.setenv("LVSEG_ALLOWED_SIGNERS", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"LVSEG_ALLOWED_SIGNERS: .*gone is no file"):
        champion.fetched()


def test_a_key_of_no_use_is_said_before_anything_is_promoted(
    store: Store, evaluated: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVSEG_SIGNING_KEY", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"LVSEG_SIGNING_KEY: .*gone cannot sign"):
        promote(store, evaluated(0.9), params.load().promotion, never, Path("models"), named=False)
    with pytest.raises(UserError, match="has no version champion"):
        version_of(store, CHAMPION)
