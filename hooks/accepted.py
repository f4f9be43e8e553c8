"""Refuses before anything is made: an answer right after the last was given, a folder in use as its name is known.

Then one sentence is all that cookiecutter prints. Only in the temporary copy from which plain cookiecutter bakes, where
pre_prompt.py makes these extensions of the questions. cruft finds no extensions on an update, and has the same
sentences from pre_gen_project.py.
"""

from pathlib import Path

from cookiecutter.exceptions import FailedHookException
from cookiecutter.utils import simple_filter
from jinja2.ext import Extension

from .pre_gen_project import occupied, problem


@simple_filter
def accepted(answers):
    """Empty; FailedHookException with the sentence where an answer could not work."""
    return refused(problem(answers))


class Vacant(Extension):
    """Gives the name of the project's folder the function `vacant`."""

    def __init__(self, environment):
        super().__init__(environment)
        environment.globals["vacant"] = vacant


def vacant(answers):
    """The slug; FailedHookException with the sentence where its folder holds something, which `-f` would write over."""
    folder = Path(answers["_output_dir"]) / answers["project_slug"]
    refused(occupied(folder) if folder.is_dir() else "")
    return answers["project_slug"]


def refused(words):
    if words:
        raise FailedHookException(f"mlgate: {words}")
    return ""
