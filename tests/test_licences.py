"""The licences of all packages that the course brings along, by what they say themselves."""

import email
import importlib.metadata
import re

import pytest

from tests.packages import CUDA, needed

# Licences by which anybody may use a package beside the course, which is under the MIT licence; as
# packages write them: SPDX's names, PyPI's, or what people call them.
FREE = re.compile(
    r"(MIT(-0|-CMU)?|0BSD|BSD([- ][23]-Clause)?|Apache([- ]2\.0| Software)?|PSF(L|-2\.0)?|MPL-2\.0"
    r"|Python Software Foundation|Mozilla Public|ISC|LGPL-(2\.1|3\.0)(-only|-or-later)?|HPND|Zlib"
    r"|BSL-1\.0|CC0-1\.0|Unlicense)"
    r"( WITH LLVM-exception)?( Licen[sc]e)?(,? Version)?( 2\.0)?( \(.+\))?",
    re.IGNORECASE,
)
OF_NVIDIA = {"LicenseRef-NVIDIA-Proprietary", "NVIDIA Proprietary Software"}
UNTOLD = {
    "axe-playwright-python": "its LICENSE is MIT's",
    "cuda-toolkit": "nothing but a list of NVIDIA's libraries",
}


def licence(metadata):
    """What a package says of its licence, in the first of three places where it does."""
    classes = [one.split(" :: ") for one in metadata.get_all("Classifier", [])]
    named = " AND ".join(last for first, *_, last in classes if first == "License")
    named = named.replace("OSI Approved", "")
    text = (metadata["License"] or "").strip()
    return metadata["License-Expression"] or named or text.partition("\n")[0]


def is_free(licence):
    """Whether one may use it: all that is joined by AND, one of what is joined by OR."""
    return all(
        any(map(FREE.fullmatch, re.sub(r"^\((.*)\)$", r"\1", part).split(" OR ")))
        for part in licence.split(" AND ")
    )


def test_all_that_is_installed_may_be_used_beside_the_courses_own_licence():
    found = {name: licence(importlib.metadata.metadata(name)) for name in needed()}
    refused = {
        name: said
        for name, said in found.items()
        if not (is_free(said) or (CUDA.match(name) and said in OF_NVIDIA) or name in UNTOLD)
    }
    assert not refused, "read these licences: FREE has those that are fine, UNTOLD those untold"
    assert not any(found.get(name) for name in UNTOLD), "it says its licence by now"


@pytest.mark.parametrize("fields, free", [
    ("License-Expression: MIT", True),
    ("License-Expression: Apache-2.0 AND (BSD-2-Clause OR GPL-3.0-only)", True),
    ("License-Expression: MIT AND GPL-3.0-only", False),
    ("License-Expression: AGPL-3.0-or-later", False),
    ("License-Expression: LicenseRef-NVIDIA-Proprietary", False),
    ("License: Apache License, Version 2.0", True),
    ("License: MIT with a clause against armies", False),
    ("License: BSD\nClassifier: License :: OSI Approved", True),
    ("License: BSD\nClassifier: License :: OSI Approved :: GNU AGPL v3", False),
    ("License: Proprietary", False),
    ("License: UNKNOWN\nClassifier: License :: OSI Approved :: ISC License (ISCL)", True),
    ("Name: silent", False),
])  # fmt: skip
def test_an_unknown_licence_is_refused(fields, free):
    assert is_free(licence(email.message_from_string(fields))) is free
