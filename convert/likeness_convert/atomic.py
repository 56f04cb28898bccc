"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from likeness_convert.errors import OutputError, about


def write(path: Path, data: bytes) -> None:
    """Writes `data` beside `path`, flushes it to the disk, and renames it over `path`.

    Raises OutputError; `path` is then as it was, and nothing is left beside it.
    """
    with about(path, OutputError):
        if path.exists() and not path.is_file():
            raise OutputError("is a folder or a device, not a file")
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~current_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def current_umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
