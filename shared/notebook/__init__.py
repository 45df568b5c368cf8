"""A job as a Jupyter notebook of plain PyTorch, which says what the job did and repeats it."""

from shared.notebook.document import notebook_of
from shared.notebook.record import Record

__all__ = ["Record", "notebook_of"]
