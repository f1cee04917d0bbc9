"""The commands as a user types them.

Where the start of Python is not what is tested, a command is a fork of this process, which has
imported torch: that saves some seconds each.
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from importlib import metadata
from pathlib import Path

import pytest
from harness import Done, run, start
from PIL import Image

from titn.config.paths import config_root

# A run of seconds, on real digits.
TINY = [
    "dataset.image_size=8", "model.patch_size=4", "model.depth=1", "model.patch_dim=12",
    "model.outer_heads=2", "epochs=2", "batch_size=256", "device=cpu",
    "compile=none",
]  # fmt: skip


def titn(
    *arguments: str, cwd: Path, command: str = "train", **options
) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", f"titn.{command}", *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False, **options
    )


def files_of(directory: Path) -> list[str]:
    """The names in a directory, but of the files that hold what forks print."""
    return [item.name for item in directory.iterdir() if not item.name.startswith(".output-")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """A directory in which TINY was run, and what the command said."""
    directory = tmp_path_factory.mktemp("finished")
    return directory, titn(*TINY, cwd=directory)


def test_a_run_prints_its_progress_its_numbers_and_where_it_is(finished):
    cwd, done = finished
    assert done.returncode == 0, done.stderr
    assert "titn epoch 1/2: loss " in done.stderr
    assert " img/s, " in done.stderr
    directory = cwd / done.stdout.splitlines()[-1].removeprefix("record: ")
    result = json.loads((directory / "result.json").read_text())
    assert f"{result['top1']:.4f}" in done.stdout
    assert directory.parent == cwd / "runs"
    names = {item.name for item in directory.iterdir()} - {".lock"}
    assert names == {
        "config.yaml", "environment.json", "epochs.jsonl", "weights.safetensors",
        "samples.parquet", "result.json", "log.txt",
    }  # fmt: skip
    assert files_of(cwd) == ["runs"]


def test_a_finished_run_prints_its_record_again(finished):
    cwd, first = finished
    again = run("train", *TINY, cwd=cwd)
    assert again.out == first.stdout
    assert "recorded already" in again.err


def test_a_killed_run_resumes(tmp_path):
    """SIGKILL as soon as something is saved, then the same command."""
    arguments = [*TINY, "epochs=10", "batch_size=64", "checkpoint_secs=0.1", "run_dir=run"]
    process = start("train", *arguments, cwd=tmp_path)
    until = time.monotonic() + 120
    while not list((tmp_path / "run").glob("checkpoint-*.safetensors")):
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < until, "no checkpoint appeared"
        time.sleep(0.01)
    process.kill()
    assert not (tmp_path / "run" / "result.json").exists()
    done = run("train", *arguments, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "resumes after " in done.err
    rows = (tmp_path / "run" / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(row)["epoch"] for row in rows] == list(range(1, 11))


def test_a_terminal_shows_a_bar_with_terms_rate_and_time_left(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "titn.train", *TINY, "epochs=8", "batch_size=32"],
        cwd=tmp_path, stderr=theirs, stdout=subprocess.DEVNULL,
        env=os.environ | {"TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    assert process.wait() == 0
    bars = [part for part in shown.decode().split("\r") if "loss " in part and "%|" in part]
    assert re.search(r"titn \d/8 +\d+%\|.{10,}\| .*img/s, 00:\d\d left, loss \d\.\d{3}", bars[0])


def test_the_version_is_titns(tmp_path):
    done = run("train", "--version", cwd=tmp_path)
    assert (done.code, done.out) == (0, f"titn {metadata.version('titn')}\n")


def test_help_has_keys_with_comments(tmp_path):
    done = run("train", "--help", cwd=tmp_path)
    assert done.code == 0
    assert "\ndry_run: false               # say what would be done, and stop\n" in done.out


# Arguments -> how the line that answers them begins.
BAD_INPUT = [
    (["model=foo"], "titn: model=foo: there is no such choice; choose one of airbench94"),
    (["modle=titn"], "titn: modle=titn: there is no such key; did you mean model?"),
    (["+modle=titn"], "titn: modle=titn: there is no such key; did you mean model?"),
    (["model.dept=3"], "titn: model.dept=3: there is no such key; did you mean model.depth?"),
    (["loss.alpha=0.3"], "titn: loss.alpha=0.3: the chosen loss has no such key; choose loss="),
    (["teacher.seed=1"], "titn: teacher.seed=1: there is none without a teacher; choose one"),
    (
        ["teacher=vgg16_bn", "teacher.model.pixel_size=4"],
        "titn: teacher.model.pixel_size=4: the teacher has no such key; choose teacher=titn or tnt",
    ),
    (
        ["teacher=deit", "teacher.model.detph=4"],
        "titn: teacher.model.detph=4: there is no such key; did you mean teacher.model.depth?",
    ),
    (
        ["teacher=vgg16_bn", "teacher.augment.flip=0"],
        "titn: teacher.augment.flip=0: a teacher follows recipe.augment there; "
        "set recipe.augment.flip, or recipe.fast_cnn.augment.flip for airbench and resnet9\n",
    ),
    (
        ["teacher=vgg16_bn", "augment@teacher.augment=none"],
        "titn: augment@teacher.augment=none: a teacher follows recipe.augment there; "
        "set augment@recipe.augment, or augment@recipe.fast_cnn.augment for airbench and resnet9\n",
    ),
    (
        ["teacher=vgg16_bn", "teacher.augment=none"],
        "titn: teacher.augment=none: choose a file of conf/augment with "
        "augment@recipe.augment=NAME, or augment@recipe.fast_cnn.augment=NAME for airbench and "
        "resnet9\n",
    ),
    (["teacher=vgg16_bn", "loss.alpha=2"], "titn: loss.alpha=2: should be less than or equal"),
    (["epochs=-1"], "titn: epochs=-1: should be greater than or equal to 0"),
    (["epochs"], "titn: epochs: is not KEY=VALUE; write it so, without spaces around ="),
    (["+ablation=initialisation"], "titn: +ablation: asks a question of many cells; add --mu"),
    (["+paper=table3"], "titn: +paper: asks a question of many cells; add --multirun"),
    (["+ablation=no"], "titn: ablation=no: there is no such choice; choose one of better"),
    (["dry_run=1"], "titn: dry_run=1: should be true or false; write dry_run=true"),
    (["busy=skip"], "titn: busy=skip: should be 'wait' or 'leave'"),
    (
        ["--multirun", "+ablation=mix,student"],
        "titn: +ablation=mix,student: one question at a time",
    ),
    (
        ["--multirun", "+ablation=mix", "+paper=table3"],
        "titn: +paper=table3: one question at a time",
    ),
    (
        ["--multirun", "+ablation=mix", "mix=cutmix"],
        "titn: mix=cutmix: the rows differ in it (no mix: mix=none); leave it out, and choose",
    ),
    (
        ["--multirun", "+ablation=mix", "rows=[MixUp,Mosaic]"],
        "titn: rows=Mosaic: there is no such row; choose among: no mix; CutMix; MixUp",
    ),
    (
        ["--multirun", "optimizer.lr=interval(0,1)"],
        "titn: optimizer.lr=interval(0,1): list the values, as key=1,2,3",
    ),
    (
        ["--multirun", "dry_run=true,false"],
        "titn: dry_run=true,false: is an option of the whole sweep; give one value",
    ),
    (["--multirun", "runs_dir=/dev/null"], "titn: runs_dir=/dev/null: cannot be written (/dev/nu"),
    (
        ["--multirun", "hydra.sweep.dir=/dev/null", "dry_run=true"],
        "titn: hydra.sweep.dir=/dev/null: cannot be written (/dev/null is no directory); choose an",
    ),
    (["--nothing"], "titn: --nothing: there is no such option; --help lists them"),
    (
        ["epochs=1", "--multirun", "seed=0,1"],
        "titn: seed=0,1: stands after an option; give --multirun and its like before all",
    ),
    (["--experimental-rerun=x"], "titn: --experimental-rerun=x: unpickles a file, which can"),
    (["--config-dir=nothing"], "titn: --config-dir=nothing: there is no such directory"),
    (["model=vit,titn"], "titn: model=vit,titn: several values are a sweep; add --multirun"),
    (["model=null"], "titn: model=null: is a group; choose one of its files, as GROUP=NAME"),
    (["model=../titn"], "titn: model=../titn: there is no such choice"),
    (["hydra.run.dir=/proc/no/x"], "titn: hydra.run.dir=/proc/no/x: titn writes nothing there; "),
    (["hydra.mode=x"], "titn: hydra.mode: Invalid value 'x', expected one of [RUN, MULTIRUN]"),
    (
        ["hydra.searchpath=[file:///no]"],
        "titn: hydra.searchpath=/no: there is no such directory; name one",
    ),
    (["run_dir=" + 2000 * "["], "titn: run_dir=[[["),
    (["dry_run=${nothing}"], "titn: dry_run: Interpolation key 'nothing' not found; give a"),
    ([b"run_dir=\xff"], "titn: run_dir=\\udcff: is not UTF-8; name it otherwise\n"),
    (["epochs=\x1b[31m\n"], "titn: epochs=\\x1b[31m\\n: should be an integer"),
]


def test_bad_input_is_one_line_and_exit_code_2(tmp_path):
    done = titn("modle=titn", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "titn: modle=titn: there is no such key; did you mean model?\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "arguments", "line"),
    [
        ("bench", ["--steps", "0"], "--steps 0: should be a whole number, 1 or more"),
        ("bench", ["--cells", "100000"], "--cells 100000: should be a whole number, 1000 or less"),
        ("bench", ["model=no"], "model=no: there is no such choice; choose one of airbench94, "),
        ("bench", ["model.dept=3"], "model.dept=3: there is no such key; did you mean model.dep"),
        ("bench", ["--json", "."], "--json .: is no file; choose another"),
        ("bench", ["--json", "no/a"], "--json no/a: cannot be written (No such file or directory"),
        ("bench", ["--kept-labels"], "--kept-labels: is of whole steps alone; add --only-whole, "),
        ("bench", ["batch_size=1000000000"], "batch_size=1000000000: the images take 4.01e+04 GiB"),
        ("latency", ["--batch", "1,,2"], "--batch : should be a whole number, 1 or more"),
        ("latency", ["--secs", "nan"], "--secs nan: should be a number from 0 to 1000000"),
        ("latency", ["model=vit", "epochs=x"], "epochs=x: should be an integer"),
        (
            "latency",
            ["model=vit", "--batch", "1000000000"],
            "--batch 1000000000: the images of a batch take 1.43e+04 GiB, and this machine has ",
        ),
        ("latency", ["model=vit", "model.mlp_ratio=1e20"], "model: its weights take "),
        ("latency", [b"\xff"], "\\udcff: is not UTF-8; name it otherwise"),
    ],
)
def test_bad_input_of_other_commands_is_one_line_too(tmp_path, command, arguments, line):
    done = run(command, *map(os.fsdecode, arguments), cwd=tmp_path)
    assert_refused(done, f"titn: {line}", tmp_path)


def assert_refused(done: Done, line: str, cwd: Path) -> None:
    """It was answered by one line that begins with this one, and nothing was written."""
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(line)
    assert done.err.count("\n") == 1
    assert not files_of(cwd)


# A command line -> the line that answers it.
MISFITS = {
    "model.patch_size=5": "model.patch_size=5: does not divide the image's size 32; "
    "choose one of [1, 2, 4, 8, 16, 32]",
    "model.pixel_size=3": "model.pixel_size=3: does not divide patch_size 8; "
    "choose one of [1, 2, 4, 8]",
    "model.inner_heads=5": "model.inner_heads=5: does not divide pixel_dim 12; "
    "choose one of [1, 2, 3, 4, 6, 12]",
    "model.outer_heads=5": "model.outer_heads=5: does not divide patch_dim 192; "
    "choose one of [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]",
    "model=vit model.heads=5": "model.heads=5: does not divide patch_dim 192; "
    "choose one of [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]",
    "~model.distillation_token": "model.distillation_token: missing; "
    "give model.distillation_token=VALUE",
    "model=vgg16_bn dataset.image_size=16": "model._target_=vgg16_bn: needs images of 32x32 or "
    "more, these are 16x16; set dataset.image_size=32",
    "teacher=vgg16_bn dataset.image_size=16": "teacher.model._target_=vgg16_bn: needs images of "
    "32x32 or more, these are 16x16; set dataset.image_size=32",
    "teacher=none loss=hard": "loss=hard: needs a teacher; "
    "choose one, as teacher=vgg16_bn, or loss=supervised",
    "teacher=none loss=sum": "loss=sum: needs a teacher; "
    "choose one, as teacher=vgg16_bn, or loss=supervised",
    "checkpoint=no.pt": "checkpoint=no.pt: there is no such file; give a run directory or file",
    "weights=no.pt": "weights=no.pt: there is no such file; give a run directory or file",
    "weights=imagenet": "weights=imagenet: torchvision has none for TITN; "
    "choose one of its networks, or give a file",
    "teacher=resnet50 teacher.weights=no": "teacher.weights=no: there is no such file; "
    "give a run directory or file",
    "dataset=cifar100": "dataset.root=null: cifar100 has to be on this machine already; give its "
    "directory as dataset.root=DIR, or dataset.download=true to have it fetched",
    "dataset=cifar100 dataset.root=no": "dataset.root=no: no such directory; "
    "give the one with the data set",
    "dataset=cifar100 dataset.root=.": "dataset.root=.: holds no train-*.parquet, nor "
    "torchvision's cifar-100-python/; give the data set's own",
    "dataset=parquet dataset.root=.": "dataset.root=.: holds no train-*.parquet; "
    "give the data set's own",
    "dataset=folder": "dataset.root=null: give the directory with train/CLASS/* and test/CLASS/* "
    "as dataset.root=DIR",
    "dataset=folder dataset.root=.": "dataset.root=.: has no directory train/; "
    "it needs train/CLASS/* and test/CLASS/*",
    "dataset.num_classes=500": "dataset.num_classes=500: digits has 10; choose fewer",
    "dataset=cifar10 dataset.root=. dataset.num_classes=11": "dataset.num_classes=11: cifar10 has "
    "10; choose fewer",
    "run_dir=$NAME/x": "run_dir=$NAME/x: the shell has not filled in the variable; leave out the "
    "single quotes, or write ./$NAME for a directory of that name",
    "run_dir=s3://x/y": "run_dir=s3://x/y: is no path of this machine; give one",
    "ablation=mix": "ablation=mix: nothing of ablation is chosen yet; write +ablation=mix",
    "dataset.root=~/data": "dataset.root=~/data: cannot be read; write 'dataset.root=\"~/data\"'",
    "dataset.root=x": "dataset.root=x: the chosen dataset has no such key; "
    "choose dataset=cifar10 or cifar100 or csv or folder or huggingface or mnist or npz or parquet",
    "lr=1e-3": "lr=1e-3: there is no such key; did you mean optimizer.lr?",
    "+lr=1e-3": "lr=0.001: there is no such key; did you mean optimizer.lr?",
    "model.num_heads=4": "model.num_heads=4: did you mean model.outer_heads?",
    "teacher=None": "teacher=None: there is no such choice; did you mean teacher=none? --help "
    "lists all",
    "model=ViT": "model=ViT: there is no such choice; did you mean model=vit? --help lists all, or "
    "any of timm's as model=timm model.name=NAME",
    "-m hydra/launcher=rq": "hydra/launcher=rq: is not installed; run: pip install "
    "hydra-rq-launcher",
    "-m hydra/launcher=ray hydra.launcher.gpus=1.5": "hydra.launcher.gpus=1.5: should be a whole "
    "number, a part of one GPU as 0.25, or auto",
    "-m hydra/launcher=ray hydra.launcher.n_jobs=2": "hydra.launcher.n_jobs=2: "
    "hydra/launcher=ray has no such key; docs/clusters.md lists them",
    "-m hydra/launcher=joblib hydra.launcher.n_jobs=0": "hydra.launcher.n_jobs=0: no job at a "
    "time; give 1 or more, or -1 for one a core",
    "-m hydra.launcher.n_jobs=2": "hydra.launcher.n_jobs=2: the chosen launcher has no such key; "
    "add hydra/launcher=joblib, ray or slurm",
    "device=cuda:x": "device=cuda:x: choose auto, cpu, cuda, cuda:INDEX or mps",
    "device=nonsense": "device=nonsense: choose auto, cpu, cuda, cuda:INDEX or mps",
    "model=titn optimizer=sgd optimizer.nesterov=true optimizer.momentum=0": "optimizer."
    "nesterov=true: needs momentum above 0",
    "augment=mnist augment.shear=95": "augment.shear=95: should be less than 90",
}

# One process imports what a command does before it reads its command line; each command line is
# answered by a fork of it. Exit code 77: torch was loaded.
ANSWER_ALL = """
import json, os, sys
from titn import train

answers = []
for arguments in json.load(sys.stdin):
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(theirs, 1)
        os.dup2(theirs, 2)
        sys.argv = ["titn.train", *arguments]
        try:
            train.main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(77 if "torch" in sys.modules else end.code)
    os.close(theirs)
    with open(ours) as pipe:
        said = pipe.read()
    answers.append([arguments, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said])
json.dump(answers, sys.stdout)
"""
Answers = dict[tuple[str, ...], tuple[int, str]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> Answers:
    """Exit code and output of each of BAD_INPUT and MISFITS, by arguments."""
    directory = tmp_path_factory.mktemp("answers")
    command_lines = [list(map(os.fsdecode, arguments)) for arguments, _ in BAD_INPUT]
    command_lines += [line.split() for line in MISFITS]
    done = subprocess.run(
        [sys.executable, "-c", ANSWER_ALL], input=json.dumps(command_lines),
        cwd=directory, capture_output=True, text=True, timeout=900, check=True,
    )  # fmt: skip
    assert not list(directory.iterdir())
    return {tuple(arguments): (code, said) for arguments, code, said in json.loads(done.stdout)}


@pytest.mark.parametrize(("arguments", "line"), BAD_INPUT)
def test_bad_input_is_answered_in_one_line_without_torch(answers: Answers, arguments, line):
    code, said = answers[tuple(map(os.fsdecode, arguments))]
    assert code == 2
    assert said.startswith(line)
    assert said.count("\n") == 1


@pytest.mark.parametrize("line", MISFITS)
def test_what_does_not_fit_or_is_not_there_is_answered_without_torch(answers: Answers, line):
    assert answers[tuple(line.split())] == (2, f"titn: {MISFITS[line]}\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["device=cuda:99"], "titn: device=cuda:99: there is none on this machine;"),
        (
            ["dataset.split=validation", "dataset.validation_fraction=0"],
            "titn: dataset.validation_fraction=0.0: holds out 0 of 1437 images; choose one that",
        ),
    ],
)
def test_what_only_the_built_object_knows_is_one_line_and_trains_nothing(tmp_path, arguments, line):
    assert_refused(run("train", *arguments, cwd=tmp_path), line, tmp_path)


def test_help_names_every_group_and_choice(tmp_path):
    done = titn("--help", cwd=tmp_path)
    assert done.returncode == 0
    for group in ("model", "teacher"):
        files = sorted(file.stem for file in (config_root() / "conf" / group).glob("*.yaml"))
        assert f"{group}: {', '.join(files)}\n" in done.stdout
    assert "epochs: " in done.stdout


def test_the_configuration_can_be_shown(tmp_path):
    done = titn("--cfg", "job", "--resolve", "teacher=vgg16_bn", cwd=tmp_path)
    assert done.returncode == 0
    assert "teacher:\n" in done.stdout


def test_a_dry_run_says_what_a_run_would_do_and_writes_nothing(tmp_path):
    done = titn(*TINY, "dry_run=true", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("titn on digits, seed 0, 2 epochs")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["predict", "evaluate", "latency", "status", "report"])
def test_every_command_explains_itself_at_once(tmp_path, command):
    imports = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}
    done = titn("--help", cwd=tmp_path, command=command, env=imports)
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: titn.{command} ")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"torch", "torchvision", "timm"}  # seconds, on any machine


def test_ones_own_images_from_training_to_prediction(tmp_path):
    """Red against blue, in files of three formats, sizes and modes."""
    colours = {"warm": ["red", "orange", "brown"], "cold": ["blue", "navy", "cyan"]}
    for split in ("train", "test"):
        for name, shades in colours.items():
            directory = tmp_path / "mine" / split / name
            directory.mkdir(parents=True)
            for i, (shade, kind) in enumerate(zip(shades, ("png", "jpg", "webp"), strict=True)):
                size = (9 + i, 12 if split == "train" else 13)
                image = Image.new("RGBA" if kind == "png" else "RGB", size, shade)
                image.save(directory / f"{shade}.{kind}")
    tiny = [argument for argument in TINY if not argument.startswith(("epochs", "batch_size"))]
    trained = run(
        "train", *tiny, "dataset=folder", "dataset.root=mine", "epochs=30", "augment=none",
        "run_dir=run", cwd=tmp_path,
    )  # fmt: skip
    assert trained.code == 0, trained.err
    assert "test of 6 images after 30 epochs" in trained.out

    Image.new("P", (40, 30)).convert("RGB").save(tmp_path / "new one.bmp")
    Image.new("RGB", (50, 50), "firebrick").save(tmp_path / "other.gif")
    said = run("predict", "run", "other.gif", "new one.bmp", cwd=tmp_path)
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0] == "image,rank,class,probability"
    assert lines[1].startswith("other.gif,1,warm,")
    assert len(lines) == 5

    checked = run("evaluate", "run", cwd=tmp_path)
    assert checked.code == 0, checked.err
