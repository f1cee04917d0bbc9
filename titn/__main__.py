"""All commands behind one name.

    titn train model=deit        # the same as python -m titn.train model=deit, and titn-train ...

It imports nothing but the command that was asked for.
"""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from titn.system.console import BAD_INPUT, complain, run_command, version

COMMANDS = {
    "train": "one student, distilled or not; with -m a sweep, or a question",
    "status": "what has become of the cells of sweeps; --watch shows them live",
    "report": "all answers as pages",
    "predict": "class probabilities of image files",
    "evaluate": "a record computed again from its weights, and compared",
    "extend": "a finished run, trained longer",
    "compare": "two runs: settings, curves, predictions, McNemar's test",
    "export": "a run for onnxruntime, torch.export, Hugging Face or timm",
    "latency": "how fast networks answer",
    "bench": "how fast a training step is, and where its time goes",
    "clean": "what takes disk, and what of it can go",
}

EXAMPLES = """\
titn: small vision transformers, distilled, and what ablations say of them

  titn train model=deit teacher=resnet18    train a student, first its teacher
  titn train -m +ablation=mix               ask: all rows, three seeds
  titn status --watch                       follow it
  titn report --out answers                 read the answer: answers/README.md
  titn predict runs/HASH image.png          ask the network
  titn export runs/HASH --to onnx           take it elsewhere
"""

FOOT = """\
titn COMMAND --help says more; titn train --help lists all choices and keys.
Tab completion: eval "$(titn -sc install=bash)"
"""

# Hydra's options for the completion of a shell.
COMPLETION = ("-sc", "--shell-completion")


def main() -> None:
    """Console entry: the exit code is the command's; 2 if there is no such command."""
    arguments = sys.argv[1:]
    if arguments[:1] and arguments[0] in COMMANDS:
        _run(arguments[0], arguments[1:])
    elif arguments[:1] and arguments[0] in COMPLETION:
        _complete(arguments)
    else:
        sys.exit(run_command(lambda: _say(arguments)))


def _run(command: str, arguments: Sequence[str]) -> None:
    sys.argv = [sys.argv[0], *arguments]
    import_module(f"titn.{command}").main()


def _say(arguments: Sequence[str]) -> int:
    """Help, the version, or what is wrong with the command; the exit code."""
    first = arguments[0] if arguments else "--help"
    if first in ("-h", "--help"):
        print(help_text())
        return 0
    if first == "--version":
        print(version())
        return 0
    if "=" in first:
        return complain(f"{first}: is no command; write titn train {first}", BAD_INPUT)
    near = difflib.get_close_matches(first, COMMANDS, n=1)
    remedy = f"did you mean {near[0]}?" if near else f"choose one of {', '.join(COMMANDS)}"
    return complain(f"{first}: there is no such command; {remedy}", BAD_INPUT)


def help_text() -> str:
    """Examples, then a line for each command: a screen of 24 lines and 80 columns."""
    lines = (f"  {name:<9}{what}" for name, what in COMMANDS.items())
    return "\n".join([EXAMPLES, *lines, "", FOOT.rstrip()])


def _complete(arguments: Sequence[str]) -> None:
    """What Hydra's completion script asks: it knows nothing of commands.

    The line as it was typed is in COMP_LINE. Behind `train` Hydra answers; the other commands take
    paths, which the shell completes by itself.
    """
    line = os.environ.get("COMP_LINE", "")
    program, _, rest = line.partition(" ")
    command, space, overrides = rest.lstrip().partition(" ")
    if any(argument.startswith("query=") for argument in arguments):
        if not space:
            print(" ".join(name for name in COMMANDS if name.startswith(command)))
            return
        if command != "train":
            return
        os.environ["COMP_LINE"] = f"{program} {overrides}"
    _run("train", arguments)


if __name__ == "__main__":
    main()
