"""The one kind of error that a user meets: a file, a fault, and an exit status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXIT_INPUT = 1
EXIT_USAGE = 2
EXIT_OUTPUT = 3
EXIT_VERIFY = 4


class ConvertError(Exception):
    """A fault in a file. Readers of bytes raise it without a file; `about` adds the name."""

    status = EXIT_INPUT

    def __init__(self, fault: str, file: Path | None = None) -> None:
        super().__init__(fault)
        self.fault = fault
        self.file = file

    def __str__(self) -> str:
        return self.fault if self.file is None else f"{self.file}: {self.fault}"


class UsageError(ConvertError):
    """The command line contradicts itself or the file."""

    status = EXIT_USAGE


class OutputError(ConvertError):
    """The output could not be written."""

    status = EXIT_OUTPUT


class VerifyError(ConvertError):
    """--verify could not run, or found a difference."""

    status = EXIT_VERIFY


@contextmanager
def about(file: Path, kind: type[ConvertError] = ConvertError) -> Iterator[None]:
    """Names `file` in every fault found inside, and turns the system's refusals into faults."""
    try:
        yield
    except ConvertError as error:
        error.file = error.file or file
        raise
    except OSError as error:
        raise kind(error.strerror or str(error), file) from error
    except MemoryError as error:
        raise kind("not enough memory", file) from error
