"""Files that lie beside somebody's code, which does not find them where it is executed."""

from pathlib import Path

_MOST_FOLDERS = 4


def unshown(error: BaseException, file: str) -> str:
    """Return that a file which was not found lies beside the code, or above it; empty if not.

    Parameters
    ----------
    error : BaseException
        What was raised.
    file : str
        Where the code is from.
    """
    name = error.filename if isinstance(error, FileNotFoundError) else None
    if not isinstance(name, str) or not name or Path(name).is_absolute():
        return ""
    for above, folder in enumerate(Path(file).resolve().parents[:_MOST_FOLDERS]):
        if (folder / name).exists():
            where = f"in {folder.name}" if above else "beside the code"
            return f"; that file lies {where}, and is not shown to it: it runs in an empty folder"
    return ""
