"""A folder for the Hugging Face hub: read back by titn.load, and by what the hub has."""

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from scipy.stats import norm

import titn
from titn.exporting.classifier import classifier_of
from titn.exporting.hub import write_hub_folder
from titn.exporting.model_card import model_card, wilson_interval
from titn.records import hub_folder
from titn.records.collation import load as load_records
from titn.records.run_dir import write_json


@pytest.fixture
def folder(finished, tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    write_hub_folder(finished, classifier_of(finished).network, path, "cc-by-4.0")
    return path


def test_a_folder_is_a_run_for_load(finished, folder):
    run, original = titn.load(folder), titn.load(finished.directory.path)
    assert run.record == original.record
    assert run.classes == original.classes
    assert run.config["model"] == original.config["model"]
    pixels = finished.dataset().evaluated.pixels
    expected = original.predict(pixels).probabilities
    assert (run.predict(pixels).probabilities == expected).all()


def test_a_folder_exported_again_is_the_same(folder, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    from titn.cells.reopen import open_run

    run = open_run(folder)
    write_hub_folder(run, run.network(), again, "cc-by-4.0")
    for name in (hub_folder.CONFIG, hub_folder.CARD, hub_folder.WEIGHTS):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_reports_do_not_take_a_folder_for_a_run(folder):
    assert len(load_records(folder.parent)) == 0


def test_the_weights_are_plain_safetensors(finished, folder):
    state = load_file(folder / "model.safetensors")
    expected = finished.network().state_dict()
    assert state.keys() == expected.keys()
    assert all((state[name] == expected[name]).all() for name in expected)


def test_config_json_has_what_the_hub_reads(finished, folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["id2label"]["3"] == finished.class_names[3]
    assert config["label2id"][finished.class_names[3]] == 3
    assert config["image_size"] == 8
    assert config["architectures"] == ["ViT"]


def test_nothing_says_where_it_was_trained(finished, folder):
    home = str(finished.directory.path.parents[1])
    for path in folder.iterdir():
        assert home.encode() not in path.read_bytes()


def test_the_card_is_one_of_the_hubs(finished, folder):
    card = ModelCard.load(folder / "README.md")
    (found,) = card.data.eval_results
    assert found.metric_value == finished.result["top1"]
    assert card.data.license == "cc-by-4.0"
    assert card.data.library_name == "titn"


def test_the_card_says_what_the_record_says(finished, folder):
    text = (folder / "README.md").read_text()
    record = finished.result
    for said in (
        f"{100 * record['top1']:.2f}",
        f"top-1 {100 * record['teacher']['top1']:.2f}% on the same images",
        record["config_hash"],
        "`patch_size=4`",
        "titn-train model=deit",
        "| loss | **hard**",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("typed", "published"),
    [
        ("model=vit dataset.root=/data/me/birds", "model=vit dataset.root=birds"),
        ("--config-dir /data/me/secret/conf", "--config-dir conf"),
        ("--config-dir=~/secret/conf a=b/c", "--config-dir=conf a=b/c"),
        (
            "hydra.searchpath=[file:///data/me/a,file:///data/me/b]",
            "'hydra.searchpath=[file://a,file://b]'",
        ),
        ("search.storage=sqlite:////data/me/a.db", "search.storage=sqlite:///a.db"),
        ("search.storage=postgresql://host/a", "search.storage=postgresql://host/a"),
    ],
)
def test_a_command_is_published_without_directories_of_the_machine(
    finished, tmp_path, typed, published
):
    copy = Path(shutil.copytree(finished.directory.path, tmp_path / "copy"))
    environment = finished.directory.environment() | {"command": f"titn-train {typed}"}
    write_json(copy / "environment.json", environment)
    command = hub_folder.of_run(copy)["environment"]["command"]
    assert command == f"titn-train {published}"


def test_the_card_says_the_balanced_accuracy_of_a_record_that_has_it(finished):
    parts = hub_folder.of_run(finished.directory.path)
    parts["record"]["balanced_accuracy"] = 0.1234
    card = ModelCard(model_card(parts, "mit"))
    found = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert found == {"accuracy": parts["record"]["top1"], "balanced_accuracy": 0.1234}
    assert "Balanced accuracy of `fused`: 12.34 %" in card.text


@pytest.mark.parametrize(("channels", "kind"), [(1, "grey"), (3, "RGB"), (4, "RGBA")])
def test_the_card_says_which_images_it_takes(finished, channels, kind):
    parts = hub_folder.of_run(finished.directory.path)
    parts["config"]["dataset"]["channels"] = channels
    assert f"It takes {kind} images of 8x8 pixels" in model_card(parts, "mit")


def test_the_card_of_ones_own_code_says_what_opening_it_takes(finished):
    parts = hub_folder.of_run(finished.directory.path)
    model = parts["config"]["model"] | {"_target_": "parts.Net"}
    card = model_card(parts | {"config": parts["config"] | {"model": model}}, "mit")
    assert 'titn.load(snapshot_download("USER/NAME", local_dir="NAME"), trust=True)' in card
    assert "is not in here: `parts.Net`" in card
    assert "trust" not in model_card(parts, "mit")


def test_a_card_without_a_teacher_says_so(finished):
    parts = hub_folder.of_run(finished.directory.path)
    parts["config"]["teacher"] = parts["record"]["teacher"] = None
    assert "None: it was trained on labels alone." in model_card(parts, "mit")


@pytest.mark.parametrize("is_taught", [True, False])
def test_the_tag_of_distillation_is_of_runs_with_a_teacher(finished, is_taught):
    parts = hub_folder.of_run(finished.directory.path)
    if not is_taught:
        parts["config"]["teacher"] = parts["record"]["teacher"] = None
    card = ModelCard(model_card(parts, None))
    assert card.data.tags == ["titn", *(["knowledge-distillation"] if is_taught else [])]


def test_a_card_names_no_licence_that_nobody_gave(finished):
    card = model_card(hub_folder.of_run(finished.directory.path), None)
    assert "license" not in card
    assert "Licence" not in card


def test_wilsons_interval_by_hand():
    """(p + z^2 / 2n +- z sqrt(p q / n + z^2 / 4n^2)) / (1 + z^2 / n)."""
    p, n, z = 0.25, 40, norm.ppf(0.975)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5 / (1 + z**2 / n)
    assert wilson_interval(p, n) == pytest.approx((middle - half, middle + half))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda c: c.pop("titn"), "has no run of titn in it; export one with --to hub"),
        (lambda c: c["titn"]["record"].update(top1=1.0), "has changed since it was written"),
        (lambda c: c["titn"]["config"].update(seed=-1), "seed=-1"),
        (lambda c: c["titn"]["config"]["model"].update(depth=99), "is not the configuration"),
        (
            lambda c: c["titn"]["config"]["model"].update(_target_="os.system"),
            "is not titn's own code for this; --trust runs it all the same",
        ),
    ],
)
def test_a_folder_that_was_changed_is_refused(folder, change, line):
    path = folder / "config.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(titn.ConfigError) as caught:
        titn.load(folder)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_were_changed_are_refused(folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(titn.ConfigError, match="has changed since it was written"):
        _ = titn.load(folder).model
