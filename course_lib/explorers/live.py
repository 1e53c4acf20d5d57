"""What every explorer is: a live view, and a still picture for readers without a kernel.

What kernel and view say to each other
--------------------------------------
By the widget's traits, which hold the latest; the view sets ``_choice`` and ``_values``:

==============  ======  ===========================================================================
``_message``    text    what the kernel must tell the reader, else empty: a choice that it refused,
                        a figure that could not be drawn
``_setup``      dict    (latent explorer) what never changes: names of the models, number of
                        elements, shapes of pictures, ranges of the sliders, whether it is plain,
                        up to which variance an element is inactive; and the number of images,
                        which grows where one's own is added
``_choice``     dict    (latent explorer) `ExplorerState.choice`, all of it at once; the view sets
                        it at each move, and what is impossible is put back
``_sliders``    list    (figure explorer) what never changes: a dict for each slider
``_handle``     dict    (figure explorer) `Handle`, an axis of the picture to drag; empty without
``_values``     dict    (figure explorer) number by name; set and put back like ``_choice``
``_picture``    bytes   (figure explorer) the last figure drawn, a PNG file
``_alt``        text    (figure explorer) its description
==============  ======  ===========================================================================

By messages from the view:

- ``{"kind": "rest"}``: the hands are at rest, the still may follow.
- ``{"kind": "want", "models": bool, "columns": [element or name of a direction],
  "bases": [[origin, number, …]], "pictures": [["original" or "training", number]]}`` (latent
  explorer): send these tensors. One is under way at a time.
- ``{"kind": "add"}`` (latent explorer): one's own picture, uint8 (C, H, W) as the only buffer, in
  the shape of the images before they are transformed. ``_setup`` and ``_choice`` answer.
- ``{"kind": "take", "number": number}`` (latent explorer): add this training picture likewise, to
  edit it.

By messages from the kernel:

- ``{"kind": "have", "facts": [dict] or null}`` answers ``want``, with a safetensors file as its
  only buffer. The facts, one dict a model, come with the models: ``layers``, names of the
  decoder's layers after the first, null if it cannot travel; ``encoder``, those of all its layers,
  null if one's own picture needs the kernel; ``atlas``, null or the numbers of an `Atlas`.
- ``{"kind": "picture", "model": number, "choice": dict}``, after each choice and after the models:
  what the kernel decoded for a model whose decoder cannot travel; the only buffer is the edited
  picture. It counts for this choice, no other.
- ``{"kind": "error", "text": text}``: a message of the view, or its choice, made the kernel raise.
  Nothing else will come of it; the view may ask again.

Names of the tensors; pictures are uint8 (C, H, W), all numbers float32 but where it says float16.
Those of model m, which all but the first have in their names, are ``m/…``:

=================================  ================================================================
``original/I``, ``training/I``     image I, or training picture I, as the models see it
``m/base/ORIGIN/N/code``           the unedited code (1, K): of image N, or draw N of the origin;
                                   of ``posterior/N/D``, draw D from image N's posterior
``m/base/image/N/spread``          standard deviations (1, K) of image N's posterior, if any
``m/base/ORIGIN/N/first``          the first layer's output for it (1, H), if the decoder travels
``m/base/ORIGIN/N/picture``        what it decodes to, if not
``m/L/weight``, ``m/L/bias``       of linear layer L, counted from 1 after the first: (in, out),
                                   float16 in the demo's page, and (out,)
``m/column/E``, ``m/all``,         what a step of element E, of all elements, or along the map's two
``m/plane``                        axes adds to the first layer's output: (H,), (1, H), (2, H)
``m/zero``                         the first layer's output for a code of zeros (1, H)
``m/direction/NAME``               what a step along a named direction adds to a code (1, K), and,
``m/direction/NAME/first``         if the decoder travels, to the first layer's output (1, H)
``m/unit``                         what a noise of 1 is (1,); noise SEED is draw SEED of the prior
``m/atlas/codes``                  of training pictures (N, K), float16
``m/atlas/mean``, ``directions``   (K,) and (2, K), of the map
``m/atlas/picture``                uint8 (48, 48)
``m/encoder/L/weight``, ``/bias``  of linear layer L of the encoder, counted from 1; only in the
``m/0/weight``, ``m/0/bias``       demo's page, as is the decoder's first layer as a whole
``m/probe/…``                      ``weight`` (F, K), ``bias`` (F,) and ``deviations`` (F,), of the
                                   factors that can be read from a code, as `probe.Probe` says
``m/density/…``                    ``constant``, ``means``, ``rows``, ``round``, ``sign``: the
                                   fitted density, as `atlas.gaussians` says
=================================  ================================================================

A tensor never changes under its name, so the view keeps what it has.
"""

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import anywidget
from IPython.display import display
from traitlets import Unicode

from course_lib.plots.figure import AltFigure

FRONTEND = Path(__file__).parent / "frontend"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w]+)\.js";\n', re.MULTILINE)


def bundle(name: str) -> str:
    """One module with all that it imports, each file before those that need it.

    The files in ``frontend`` are plain ES modules that any browser runs as they are, so nobody
    needs node to install the course, and there is no build to keep up to date. A browser is given
    one text, without any network. Names must differ across files: a browser refuses a module that
    declares one twice.

    Parameters
    ----------
    name : str
        Of a file in ``frontend``, without its ``.js``.

    Returns
    -------
    str
        JavaScript without imports; only what the named file exports as its default is exported.
    """
    texts: dict[str, str] = {}

    def add(name: str) -> None:
        if name not in texts:
            text = (FRONTEND / f"{name}.js").read_text(encoding="utf-8")
            for needed in _IMPORT.findall(text):
                add(needed)
            texts[name] = re.sub("^export (?!default)", "", _IMPORT.sub("", text), flags=re.M)

    add(name)
    return "\n".join(texts.values())


def style() -> str:
    """The explorers' style sheet."""
    return (FRONTEND / "explorers.css").read_text(encoding="utf-8")


class LiveFigure(anywidget.AnyWidget):
    """A widget whose last state stays in the saved notebook as a picture.

    A subclass names its front end, ``class LatentExplorer(LiveFigure, frontend="latent_explorer")``
    (a file of ``frontend``), and says in `still` what it shows. Displayed, it makes two outputs:
    the live view, and the still, which the view's style sheet hides while the view is there.
    The view tells when the hands have come to rest; the still then follows.
    """

    _css: ClassVar[str] = style()
    _message = Unicode().tag(sync=True)

    def __init_subclass__(cls, frontend: str | None = None, **kwargs):
        if frontend is not None:  # traitlets makes subclasses of its own
            cls._esm = bundle(frontend)
        super().__init_subclass__(**kwargs)

    def __init__(self, **traits):
        super().__init__(**traits)
        self._stills = []
        self.on_msg(self._on_message)

    def still(self) -> AltFigure:
        """What is on screen, as a figure with its description."""
        raise NotImplementedError

    def answer(self, content: dict, buffers: Sequence[bytes] = ()) -> None:
        """Hear one message of the view, other than that all is at rest."""
        raise ValueError(f"The view asks for {content}, which {type(self).__name__} has not.")

    def close(self) -> None:
        """Free the widget, its view and its callbacks; a state stays usable."""
        if self.comm is not None:  # neither closed before nor failed while being built
            self.on_msg(self._on_message, remove=True)
            self._stills.clear()
            self.layout.close()
        super().close()

    def _on_message(self, widget, content: dict, buffers) -> None:
        with self._errors_told():
            if content.get("kind") == "rest":
                for handle in self._stills:
                    handle.update(self.still())
            else:
                self.answer(content, buffers)

    @contextmanager
    def _errors_told(self) -> Generator[None]:
        """Tell the view of an error in a block, so that it does not wait for what will not come."""
        try:
            yield
        except Exception as error:
            self.send({"kind": "error", "text": f"{type(error).__name__}: {error}"})
            raise

    def _ipython_display_(self) -> None:
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        display(data, metadata=metadata, raw=True)
        self._stills.append(display(self.still(), display_id=True))
