"""Command lines that nobody should type: each is answered in one line, and none starts a thing.

Two sorts. Wrong by construction: each differs in one place from a command line that would train,
and is run as it is. And anything at all, with dry_run=true: some of these mean something.
"""

import resource
import string
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import harness
import psutil
from drawn import for_each
from hydra import compose, initialize_config_dir
from hypothesis import strategies as st
from omegaconf import OmegaConf

from titn.config.compose import choices_of
from titn.config.keys import GROUPS
from titn.config.paths import conf_dir

# An answer that takes longer is none; on a busy machine it is a second.
SECS = 30.0
# What a command may take beside what is loaded: a mistake ends the command, not the machine.
MEMORY = 4 * 2**30
LONGEST = 2500

# What the wrong ones differ from: the keys of each are there to be set wrong.
BASES = (
    (),
    ("augment=cifar",),
    ("augment=mnist", "optimizer=sgd"),
    ("mix=cutmix", "optimizer=rmsprop"),
    ("dataset.image_size=32", "teacher=resnet18", "loss=soft"),
)
HUGE = ("1" + "0" * 40, "1e40", "-1", "-0.5", "inf", "-inf", "nan")
NEVER = ("'a text'", "[1]", "[]", "{a:1}", "{}", "''")
# By the type of what a key has when nothing is said: what it never takes.
WRONG: dict[type, tuple[str, ...]] = {
    int: (*HUGE, *NEVER, "null", "true", "1.5", "abc"),
    float: (*HUGE, *NEVER, "null", "true", "abc"),
    bool: (*NEVER, "null", "0", "1", "yes", "'true'"),
    str: (*NEVER[1:], "null", "7", "true", "0.5"),
    type(None): ("[1]", "[]", "{a:1}", "''", "true", "0.5"),
}
# Whole numbers by default that need not be.
FRACTIONS = ("warmup_epochs", "checkpoint_secs")
UNREADABLE = (
    "[1",
    "(1",
    "{a:1",
    "'1",
    '"1',
    "[1,{",
    "${",
    "${seed",
    "${oc.env:",
    "int(x)",
    "no(1)",
)
NOWHERE = (
    "${nothing}", "${seed.x}", "${oc.env:TITN_IS_NOT_SET}", "${oc.decode:'[['}", "${no_resolver:1}",
    "${oc.select:nothing}", "${model}", "${.}", "${oc.env:PATH}", "${hydra:nothing}",
    "${nothing.${seed}}", "${oc.create:'{a:1}'}", "${oc.dict.keys:model}",
)  # fmt: skip
FOREIGN = (
    "os.system", "os.getcwd", "builtins.print", "sys.exit", "json.dumps", "subprocess.Popen", "a.b",
    "antigravity.geohash.x", "this.x", "titn", "titn.models", "titn.models.titn", "titn.nothing.X",
    "titn.models.vit.Block", "titn.train.main", "''", ".", "..x", "a..b", "/x.y", "'a b.c'", "7",
    "null", "[os.system]", "platform.node", "uuid.uuid4", "collections.Counter", "time.sleep",
)  # fmt: skip
RELATIONS = (
    ("model.patch_size=3",), ("model.patch_size=16",), ("model.pixel_size=3",),
    ("model.outer_heads=5",), ("model.inner_heads=7",), ("model.pixel_dim=11",),
    ("model.depth=100001",), ("model.depth=1000000000",), ("model.inner_depth=100001",),
    ("model.patch_dim=1000000000", "model.outer_heads=1"), ("model.mlp_ratio=1e20",),
    ("dataset.image_size=1000000000",), ("dataset.image_size=100000",), ("dataset.num_classes=11",),
    ("dataset.num_classes=1",), ("dataset.split=train",), ("dataset.validation_fraction=1",),
    ("optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0"), ("loss=hard",),
    ("augment=cifar", "augment.padding=9"), ("dataset.fraction=0",), ("teacher=vgg16_bn",),
    ("checkpoint=nothing.pt",), ("weights=imagenet",), ("dataset=folder", "dataset.root=nothing"),
    ("dataset=parquet",), ("checkpoint=" + "x/" * 3000,), ("run_dir=" + "x" * 300,),
    ("checkpoint='~no_user/x'",), ("device=tpu",), ("device=cuda:1000",), ("rows=[x]",),
    ("rows=x",),
    ("augment=mnist", "augment.shear=90"), ("model._recipe_=nothing",), ("model._recipe_=null",),
)  # fmt: skip
OF_HYDRA = (
    "hydra.run.dir=/proc/nothing/x", "hydra.run.dir=${nothing}", "hydra.run.dir=null",
    "hydra.run.dir=[1]", "hydra.run=1", "hydra.run=null", "hydra.sweep.dir=null", "hydra.sweep=x",
    "hydra.job.chdir=x", "hydra.job.chdir=[1]", "hydra.job=1", "hydra.job.num=x", "hydra.mode=x",
    "hydra.launcher=null hydra.mode=MULTIRUN", "hydra.sweeper=null hydra.mode=MULTIRUN",
    "hydra.sweeper._target_=os.system hydra.mode=MULTIRUN",
    "hydra.launcher._target_=x.y hydra.mode=MULTIRUN",
    "hydra.sweeper.params=1 hydra.mode=MULTIRUN", "+hydra.sweeper.x=1 hydra.mode=MULTIRUN",
    "hydra/launcher=nothing", "hydra/sweeper=nothing", "hydra/job_logging=nothing",
    "hydra/output=nothing", "hydra/nothing=x", "hydra.nothing=x", "hydra=x", "hydra=null", "~hydra",
    "hydra.searchpath=x", "hydra.searchpath=[file:///nothing]", "hydra.searchpath=[nothing]",
    "hydra.searchpath=[1]", "hydra.callbacks=1", "+hydra.callbacks.x=1", "hydra.runtime=null",
    "+hydra.callbacks.x={_target_:nothing.X}", "hydra.runtime.choices=null", "hydra.job_logging=1",
    "hydra.help=1", "hydra.overrides=x", "hydra.output_subdir=[1]", "hydra.job.config.x=1",
    "hydra.job.env_set=x", "hydra.verbose={a:1}", "hydra/launcher=[a,b]",
    "hydra.output_subdir=/proc/nothing",
)  # fmt: skip
SWEPT = (
    "seed=0,x", "seed=0,-1", "seed=1.5,2", "epochs=x,y", "epochs=1,,2", "epochs=,", "model=titn,no",
    "seed=range(3,0)", "seed=range(0,3,0)", "seed=range(0,1000000000)", "seed=interval(0,1)",
    "model=glob(nothing*)", "epochs=glob(*)", "seed=choice()", "model.patch_size=3,5",
    "nothing=1,2", "+model.nothing=1,2", "dry_run=true,false", "busy=wait,leave", "rows=a,b",
    "rows=[a]", "busy=x", "dry_run=x",
    "runs_dir=null", "runs_dir=1", "runs_dir=", "seed=0,1 run_dir=a", "hydra.mode=RUN",
    "hydra.run.dir=a,b", "hydra.sweeper.params=1", "hydra.sweeper=null", "hydra.launcher=null",
    "hydra.sweep.dir=${nothing}", "hydra/launcher=basic,joblib", "device=cpu,tpu",
    "teacher=no,none", "loss=hard,soft", "epochs=${nothing},1", "~seed", "~epochs", "question=1",
    "+question=1", "+question=[1]", "+question={}", "+ablation=nothing", "+ablation=",
    "+ablation=null",
    "ablation=mix", "+ablations=mix", "++ablation=mix", "+paper=mix", "+ablation=mix,teacher",
    "+ablation=mix +paper=table3", "+ablation=mix rows=[nothing]", "+ablation=mix rows=[]",
    "+ablation=mix rows=x", "+ablation=mix rows=[1]", "+ablation=mix rows=['[']",
    "+ablation=mix mix=none", "+ablation=mix ~mix", "+ablation=mix question.rows=null",
    "+ablation=mix question.title=", "+ablation=mix +question.rows.x=[[]]",
    "+ablation=mix +question.nothing=1", "+ablation=mix run_dir=a",
    "+ablation=optimizer optimizer.lr=1", "+ablation=mix seed=x", "seed=0,1 epochs=[1],[2]",
)  # fmt: skip
OPTIONS = (
    "--nothing", "-x", "--cfg=nothing", "--cfg", "--info=nothing", "--config-name=nothing",
    "--config-name=../x", "--config-path=/nothing", "--config-path=nothing", "--config-dir=nothing",
    "--resolve", "--experimental-rerun=x", "--run --multirun", "--multirun --cfg=job", "--config",
    "--multirun=x", "--shell-completion", "--config-path=pkg://nothing",
)  # fmt: skip
SOUND_OPTIONS = (
    "--multirun", "--cfg=job", "--cfg=all", "--cfg=hydra", "--info=config", "--info=all", "--help",
    "--resolve", "--package=model", "--package=nothing", "--version", "--hydra-help", "--run",
    "--shell-completion", "--config-dir=.",
)  # fmt: skip
OPERATORS = "=,[]{}()'\"\\$~+@:*?!#&|<>;%^ \t\n./-_0123456789eE"
# Choices that need no network and no minute.
QUICK = {"teacher": ("none", "resnet18", "squeezenet"), "dataset": ("digits", "folder")}
# What a dry run must not be told, and what reaches for the network.
SKIPPED = ("dry_run", "dataset.download", "weights", "teacher.weights", "dataset.name")


@dataclass(frozen=True)
class Line:
    """Arguments of titn.train. named: what the answer has to name."""

    arguments: tuple[str, ...]
    named: tuple[str, ...] = ()


def fuzzed_overrides(examples: int, seed: int = 0) -> list[harness.Tally]:
    """So many command lines in all, the same share of each kind."""
    kinds: dict[str, tuple[st.SearchStrategy[Line], Callable[[Line], str | None]]] = {
        "unknown keys and choices": (unknown(), refused),
        "wrong values": (wrong_values(), refused),
        "values that do not fit each other": (relations(), refused),
        "overrides that cannot be read": (unreadable(), refused),
        "interpolations that lead nowhere": (nowhere(), refused),
        "code that is not a run's": (foreign_code(), refused),
        "deletions and additions": (deletions_and_additions(), refused),
        "Hydra's settings": (of_hydra(), refused),
        "sweeps and questions": (sweeps(), refused),
        "options": (options(), refused),
        "anything, dry": (anything(), answered),
    }
    shares = [examples // len(kinds) + (i < examples % len(kinds)) for i in range(len(kinds))]
    return [
        tried(name, lines, lost, share, seed)
        for (name, (lines, lost)), share in zip(kinds.items(), shares, strict=True)
    ]


def tried(
    name: str,
    lines: st.SearchStrategy[Line],
    lost: Callable[[Line], str | None],
    examples: int,
    seed: int,
) -> harness.Tally:
    """A kind's line of the table."""
    tally = harness.Tally(f"command line: {name}")
    for_each(lines, examples, seed, lambda line: tally.count(lost(line)))
    return tally


# --- what is to be seen of an answer --------------------------------------------------------------


def refused(line: Line) -> str | None:
    """What is wrong with how a wrong command line was answered; None if nothing is."""
    with tempfile.TemporaryDirectory() as place:
        cwd = Path(place)
        done = run(line, cwd)
        found = harness.problem(done, *line.named) or _untidy(done)
        if not found and done.out:
            found = f"printed {done.out[:100]!r}"
        return _told(line, found or _left_behind(cwd))


def answered(line: Line) -> str | None:
    """The same of one that may mean something: it is done, or refused.

    Options of Hydra's print a part of their answer before they come to what is wrong.
    """
    with tempfile.TemporaryDirectory() as place:
        cwd = Path(place)
        done = run(line, cwd)
        if done.code == 0:
            found = "a traceback" if "Traceback" in done.err else _left_behind(cwd)
        else:
            found = harness.problem(done) or _untidy(done) or _left_behind(cwd)
        return _told(line, found)


def run(line: Line, cwd: Path) -> harness.Done:
    allowed = psutil.Process().memory_info().vms + MEMORY

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))

    return harness.start("train", *line.arguments, cwd=cwd, before=limit).wait(SECS)


def _untidy(done: harness.Done) -> str | None:
    lines = done.err.removesuffix("\n").split("\n")
    # A key that is typed several times in a row is no mistake, but is said.
    said = "\n".join(line for line in lines if ": counts, and not " not in line)
    if not said.isprintable():
        return f"more than a line of plain text: {said[-300:]!r}"
    return f"a line of {len(said)} characters" if len(said) > LONGEST else None


def _left_behind(cwd: Path) -> str | None:
    left = [path.name for path in cwd.iterdir() if not path.name.startswith(".output-")]
    return f"left {left} behind" if left else None


def _told(line: Line, found: str | None) -> str | None:
    typed = " ".join(one for one in line.arguments if one not in (*harness.TINY, "dataset=digits"))
    return f"{typed[:300]!r}: {found}" if found else None


# --- wrong by construction ------------------------------------------------------------------------


def typed(*overrides: str, flags: tuple[str, ...] = (), named: tuple[str, ...] = ()) -> Line:
    """A command line that would train but for what is typed here."""
    return Line((*flags, *harness.TINY, "dataset=digits", *overrides), named)


@cache
def leaves(base: tuple[str, ...]) -> dict[str, Any]:
    """Every key of a composed configuration that is a run's, and its value."""
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        composed = compose("config", [*harness.TINY, "dataset=digits", *base])
    found: dict[str, Any] = {}

    def walk(node: Any, path: str) -> None:
        for key, value in node.items():
            if isinstance(value, dict):
                walk(value, f"{path}{key}.")
            elif key[0] != "_":
                found[path + key] = float(value) if key in FRACTIONS else value

    content = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(content, dict)
    del content["recipe"]  # only what a run takes from it is looked at
    for follower in ("dataset", "augment"):
        (content.get("teacher") or {}).pop(follower, None)
    walk(content, "")
    return found


@st.composite
def keys(draw: st.DrawFn) -> tuple[tuple[str, ...], str, Any]:
    """A base, a key of it, and the key's value."""
    base = draw(st.sampled_from(BASES))
    key = draw(st.sampled_from(sorted(leaves(base))))
    return base, key, leaves(base)[key]


@st.composite
def unknown(draw: st.DrawFn) -> Line:
    """A key or a choice with a slip of the finger."""
    base, key, _ = draw(keys())
    if draw(st.booleans()):
        group = draw(st.sampled_from((*GROUPS, "teacher", "protocol")))
        choice = mistyped(draw, draw(st.sampled_from(choices_of(group))))
        if choice in choices_of(group):
            choice += "x"
        return typed(*base, f"{group}={choice}", named=(f"{group}={choice}",))
    slip = mistyped(draw, key)
    if slip in leaves(base) or slip in ("recipe", *GROUPS, "teacher", "protocol"):
        slip += "x"
    sign = draw(st.sampled_from(("", "+", "++")))
    return typed(*base, f"{sign}{slip}=1", named=(slip,))


def mistyped(draw: st.DrawFn, word: str) -> str:
    """A letter of a word left out, twice, or another one."""
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from(("", word[at] * 2, *string.ascii_letters)))
    slip = word[:at] + letter + word[at + 1 :]
    # What begins with a digit or a dot is no key.
    return (
        "x" + slip if slip[:1] in (*string.digits, ".", "") else slip.strip(".").replace("..", ".x")
    )


@st.composite
def wrong_values(draw: st.DrawFn) -> Line:
    base, key, value = draw(keys())
    text = draw(st.sampled_from(WRONG[type(value)]))
    return typed(*base, f"{key}={text}", named=(key,))


def relations() -> st.SearchStrategy[Line]:
    return st.sampled_from(RELATIONS).map(
        lambda overrides: typed(
            *overrides, named=(overrides[0].partition(".")[0].partition("=")[0],)
        )
    )


@st.composite
def unreadable(draw: st.DrawFn) -> Line:
    base, key, _ = draw(keys())
    text = draw(st.sampled_from(UNREADABLE))
    return typed(*base, f"{key}={text}", named=(key,))


@st.composite
def nowhere(draw: st.DrawFn) -> Line:
    base, key, value = draw(keys())
    own = f"${{{key}}}"
    text = draw(st.sampled_from((*NOWHERE, own)))
    if value is None or (
        isinstance(value, str) and text in ("${oc.env:PATH}", "${oc.select:nothing}")
    ):
        text = own
    return typed(*base, f"{key}={text}", named=(key,))


@st.composite
def foreign_code(draw: st.DrawFn) -> Line:
    group = draw(st.sampled_from(GROUPS))
    target = draw(st.sampled_from(FOREIGN))
    return typed(f"{group}._target_={target}", named=(group,))


@st.composite
def deletions_and_additions(draw: st.DrawFn) -> Line:
    base, key, value = draw(keys())
    # Without rows there are all, and without a teacher none is meant.
    top = [one for one in leaves(()) if "." not in one and one not in ("rows", "teacher")]
    line, named = draw(
        st.sampled_from(
            (
                (f"+{key}=1", key) if value is not None else ("~nothing", "nothing"),
                (f"~{key}x", f"{key}x"),
                (f"~{key}=no", key),
                (f"~{draw(st.sampled_from(top))}", ""),
                (f"~{draw(st.sampled_from(('loss', 'mix', 'optimizer', 'schedule')))}", ""),
                (f"+{draw(st.sampled_from(GROUPS))}._args_=[1]", "_args_"),
                (f"+{draw(st.sampled_from(GROUPS))}.nothing={{a:[1]}}", "nothing"),
                (f"++{draw(st.sampled_from(GROUPS))}=x", ""),
                (f"+{draw(st.sampled_from(GROUPS))}=x", ""),
            )
        )
    )
    return typed(*base, line, named=(named or key_in(line),))


def key_in(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def of_hydra() -> st.SearchStrategy[Line]:
    return st.builds(
        lambda base, text: typed(*base, *text.split(), named=("hydra",)),
        st.sampled_from(BASES),
        st.sampled_from(OF_HYDRA),
    )


def sweeps() -> st.SearchStrategy[Line]:
    return st.builds(
        lambda sign, text: typed(*text.split(), flags=(sign,), named=(key_in(text.split()[-1]),)),
        st.sampled_from(("--multirun", "-m")),
        st.sampled_from(SWEPT),
    )


def options() -> st.SearchStrategy[Line]:
    return st.builds(
        lambda base, text: typed(*base, flags=tuple(text.split()), named=("-",)),
        st.sampled_from(BASES),
        st.sampled_from(OPTIONS),
    )


# --- anything -------------------------------------------------------------------------------------


@st.composite
def anything(draw: st.DrawFn) -> Line:
    """Options, then overrides of all sorts, sound and unsound."""
    flags = draw(st.lists(st.sampled_from((*SOUND_OPTIONS, *OPTIONS)), max_size=2))
    some = st.one_of(texts(), texts().map("seed=".__add__), settings_of_keys())
    overrides = draw(st.lists(some, min_size=1, max_size=4))
    separate = [part for flag in flags for part in flag.split()]
    return typed("dry_run=true", *overrides, flags=tuple(separate))


def texts() -> st.SearchStrategy[str]:
    """Whatever may stand in an argument, which cannot hold a null byte."""
    everything = st.characters(exclude_categories=(), exclude_characters="\0")
    long = st.tuples(st.text(everything, min_size=1, max_size=3), st.integers(1, 30_000))
    return st.one_of(
        st.text(everything, max_size=30),
        st.text(OPERATORS, max_size=30),
        long.map(lambda pair: pair[0] * pair[1]),
    )


@st.composite
def settings_of_keys(draw: st.DrawFn) -> str:
    """A key of some configuration, and anything for it."""
    if draw(st.booleans()):
        group = draw(st.sampled_from((*GROUPS, "teacher", "protocol")))
        return f"{group}={draw(st.sampled_from(QUICK.get(group) or choices_of(group)))}"
    _, key, _ = draw(keys().filter(lambda found: found[1] not in SKIPPED))
    plain = st.one_of(
        st.integers().map(str),
        st.floats().map(str),
        st.booleans().map(lambda value: str(value).lower()),
        st.sampled_from(
            (*HUGE, *NEVER, *UNREADABLE, *NOWHERE, "1,2", "null", "/dev/zero", ".", "/")
        ),
    )
    return f"{draw(st.sampled_from(('', '', '', '+', '++', '~')))}{key}={draw(plain | texts())}"
