"""What every explorer is: a live view, and a still picture for readers without a kernel."""

from typing import ClassVar

import anywidget
from IPython.display import display

from course_lib.bundle import bundle, style
from course_lib.figures import AltFigure


class LiveFigure(anywidget.AnyWidget):
    """A widget whose last state stays in the saved notebook as a picture.

    A subclass names its front end, ``class LatentExplorer(LiveFigure, frontend="latent_explorer")``
    (a file of ``frontend``), and says in `still` what it shows. Displayed, it makes two outputs:
    the live view, and the still, which the view's style sheet hides while the view is there.
    The view tells when the hands have come to rest; the still then follows.
    """

    _css: ClassVar[str] = style()

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

    def answer(self, content: dict) -> None:
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
        if content.get("kind") == "rest":
            for handle in self._stills:
                handle.update(self.still())
        else:
            self.answer(content)

    def _ipython_display_(self) -> None:
        data, metadata = super()._repr_mimebundle_()
        display(data, metadata=metadata, raw=True)
        self._stills.append(display(self.still(), display_id=True))
