"""Where generated and downloaded files live."""

import os
from pathlib import Path


def data_folder() -> Path:
    """The folder for data sets and trained models.

    Returns
    -------
    Path
        ``$COURSE_DATA`` where that is set, else ``data/`` beside ``course_lib/``. It need not
        exist yet.
    """
    chosen = os.environ.get("COURSE_DATA")
    return Path(chosen) if chosen else Path(__file__).resolve().parent.parent / "data"
