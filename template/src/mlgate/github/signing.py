"""What `deploy.verify: key` needs at GitHub: an environment of main alone that holds the signing key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from mlgate.errors import ConfigError
from mlgate.github.api import Api
from mlgate.github.settings import Environment, Setting
from mlgate.project import Project

NAME = "signing"
SECRETS = ("COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD")


@dataclass(frozen=True)
class Secrets(Setting):
    """The key and its password, of which GitHub tells no more than that they are there."""

    by_hand: ClassVar[str] = f"`gh secret set {SECRETS[0]} --env {NAME} < cosign.key`, and {SECRETS[1]} likewise"

    def missing(self, api: Api) -> str:
        lacking = [name for name in SECRETS if api.get(f"{{repo}}/environments/{NAME}/secrets/{name}") is None]
        return f"the environment {NAME} lacks {', '.join(lacking)}" if lacking else ""

    def apply(self, api: Api) -> str:
        raise ConfigError("no verb hands a private key to GitHub", self.by_hand)


def signing(project: Project) -> Iterator[Setting]:
    """Nothing where no key signs."""
    if project.params.deploy.verify == "key":
        yield Environment("environment-signing", "The signing key is used on main alone", NAME)
        yield Secrets("signing-key", "The job that signs has its key")
