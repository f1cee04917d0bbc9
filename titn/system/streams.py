"""Standard output and error whose troubles are not those of the work.

A reader that goes, as `head` does, a full disk, a descriptor that is closed, a terminal that was
hung up: what is printed is lost, and the work goes on to its end.
"""

import errno
import io
import os
import select
import stat
import sys
from typing import Any, TextIO


class Lasting(io.FileIO):
    """A descriptor that takes whatever is written; the last error is kept."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """Everything, where FileIO may write a part."""
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left:
                count = super().write(left)
                if count is None:
                    # One that does not block, as Node.js leaves them, has no room now.
                    select.select((), (self,), ())
                left = left[count or 0 :]
        except OSError as error:
            self.error = error
        return size


def open_streams() -> None:
    """Open what is closed of descriptors 0, 1 and 2, and let no error of writing come through.

    With a closed descriptor the next file that is opened would get its number, and with it what
    libraries write to standard error. Processes that are started inherit them.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            _open_nowhere(number)
    sys.stdout = _lasting(sys.stdout, 1)
    sys.stderr = _lasting(sys.stderr, 2)


def _open_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    os.set_inheritable(number, True)


def _lasting(stream: TextIO | None, number: int) -> TextIO:
    """The stream over a `Lasting` descriptor; one of a notebook or a test stays as it is."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    raw = getattr(stream.buffer, "raw", stream.buffer)  # unbuffered, they are one
    if type(raw) is not io.FileIO or raw.fileno() != number:
        return stream
    stream.flush()
    lasting = Lasting(number, "w", closefd=False)
    buffer: Any = lasting if stream.write_through else io.BufferedWriter(lasting)
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",  # a name that is no text in this encoding
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def output_error() -> OSError | None:
    """Why something of standard output was lost, after it is flushed; None if nothing was."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    return raw.error if isinstance(raw, Lasting) else None


def has_reader(error: OSError) -> bool:
    """Whether somebody still waits for what was lost: not behind a pipe or a terminal that went."""
    if error.errno == errno.EIO:
        return not stat.S_ISCHR(os.fstat(1).st_mode)
    return error.errno != errno.EPIPE
