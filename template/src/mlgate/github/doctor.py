"""`doctor --github`: the rights of the token, then each setting, mended where that was asked for."""

from __future__ import annotations

from mlgate.errors import MlgateError
from mlgate.github.api import Api
from mlgate.github.settings import Setting, settings
from mlgate.github.signing import signing
from mlgate.project import Project
from mlgate.report import Check

NEEDED = "repo"
TOO_MUCH = ("admin:org", "admin:enterprise", "delete_repo", "admin:public_key", "site_admin")


def examine(
    project: Project, repository: str, reviewers: tuple[str, ...], apply: bool
) -> tuple[list[Check], list[str]]:
    """A check for the token and for each setting, and a sentence for each thing that was changed.

    Parameters
    ----------
    reviewers
        Logins of those who approve a deployment to production; whoever is logged in, if none is given.
    apply
        Set what is not as it should be. What is, is left alone: a second run changes nothing.

    Raises
    ------
    InfraError
        If `gh` is missing, not logged in, or GitHub can't be reached.
    """
    api = Api(repository)
    token, may = _token(api)
    checks: list[Check] = [token]
    changed: list[str] = []
    if token.status == "fail" and not may:
        return checks, changed
    people = reviewers or (str((api.get("user") or {}).get("login", "")),)
    for setting in [*settings(project.root, tuple(filter(None, people))), *signing(project)]:
        check, said = _examine(api, setting, apply and may)
        checks.append(check)
        changed += said
    return checks, changed


def _examine(api: Api, setting: Setting, apply: bool) -> tuple[Check, list[str]]:
    check = Check(id=f"github/{setting.id}", title=setting.title, status="pass")
    try:
        missing = setting.missing(api)
        said = [setting.apply(api)] if missing and apply and not setting.by_hand else []
        missing = setting.missing(api) if said else missing
    except MlgateError as error:
        check.status, check.evidence, check.mend = "error", str(error), error.mend
        return check, []
    check.status, check.evidence = ("fail", missing) if missing else ("pass", said[0] if said else "as it should be")
    if missing:
        mend = "GitHub did not take it over" if apply else "`mlgate doctor --github --apply` sets it"
        check.mend = setting.by_hand or mend
    return check, said


def _token(api: Api) -> tuple[Check, bool]:
    """Whether the login may see and set what is asked for, and whether it may much more than that."""
    check = Check(id="github/token", title="The login may look at the settings", status="pass")
    found = api.get("{repo}")
    if found is None:
        check.status, check.evidence = "fail", f"it does not see {api.repository}"
        check.mend = "check the name; a fine-grained token must list the repository"
        return check, False
    admin = bool((found.get("permissions") or {}).get("admin"))
    scopes = api.scopes()
    said = ["it administers the repository" if admin else "it does not administer the repository"]
    if scopes is not None and NEEDED not in scopes:
        admin = False
        said.append(f"the scope {NEEDED} is missing")
    if more := sorted(set(scopes or ()) & set(TOO_MUCH)):
        said.append(f"it may more than this needs: {', '.join(more)}")
    check.evidence = "; ".join(said)
    if not admin:
        check.status, check.mend = "fail", "`gh auth refresh --scopes repo`, as someone who administers it"
    return check, admin
