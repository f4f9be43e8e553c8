"""Refuses an answer right after the last was given: then one sentence is all that cookiecutter prints.

Only in the temporary copy from which plain cookiecutter bakes, where pre_prompt.py makes this an extension of the
questions. cruft finds no extensions on an update, and has the same sentence from pre_gen_project.py.
"""

from cookiecutter.exceptions import FailedHookException
from cookiecutter.utils import simple_filter

from .pre_gen_project import problem


@simple_filter
def accepted(answers):
    """Empty; FailedHookException with the sentence where an answer could not work."""
    words = problem(answers)
    if words:
        raise FailedHookException(f"mlgate: {words}")
    return ""
