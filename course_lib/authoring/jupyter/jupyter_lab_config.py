"""What JupyterLab finds for all who take the course: its extensions, in the folder beside this."""

from pathlib import Path

c = get_config()  # noqa: F821  # ty: ignore[unresolved-reference]
c.LabServerApp.extra_labextensions_path = [str(Path(__file__).parent / "labextensions")]
