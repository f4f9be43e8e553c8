"""The engine `kubernetes`: the manifests that the ledger holds, applied with kubectl; a candidate is examined first."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlgate.engine.bundles import ARTIFACTS, bundle_of
from mlgate.engine.interface import Running
from mlgate.engine.kubectl import Kubectl
from mlgate.engine.none import SKIPPED, skipped
from mlgate.engine.shield import open_to_ctrl_c
from mlgate.engine.smoke import smoke, smoke_without_golden
from mlgate.errors import DataError, InfraError
from mlgate.ledger import Ledger
from mlgate.manifests import MANIFESTS, namespace_of
from mlgate.manifests.candidate import COMPONENT, candidate, secrets
from mlgate.manifests.contents import documents, release_of, workload
from mlgate.manifests.identity import INSTANCE, NAME, RELEASE, VERSION, prefix_of
from mlgate.packing.release import Release
from mlgate.project import Project
from mlgate.report import Check

READY_SECONDS = 300.0
PORT = 3000
OURS = "deployment,service,horizontalpodautoscaler,poddisruptionbudget,networkpolicy,serviceaccount"
SERVING = "deployment,service,horizontalpodautoscaler,poddisruptionbudget"


@dataclass(frozen=True)
class Kubernetes:
    """Namespaces are named SLUG-ENVIRONMENT, in the cluster of kubectl's context."""

    project: Project
    name: str = "kubernetes"

    @functools.cached_property
    def _cluster(self) -> Kubectl | None:
        return Kubectl.find(self.project)

    @property
    def connected(self) -> bool:
        return self._cluster is not None

    def check(self, environment: str, release: Release) -> None:
        """What can be in the way is known only once the manifests are committed."""

    def release(self, environment: str, release: Release) -> list[Check]:
        kubectl = self._at(environment)
        if kubectl is None:
            return [skipped(environment, release)]
        found = self._committed(environment, release)
        kubectl.apply([document for document in found if document["kind"] == "Namespace"])
        self._need_secrets(kubectl, found)
        checks = self._examined(kubectl, found, release)
        if any(check.status in ("fail", "error") for check in checks):
            return checks
        self._switch(kubectl, environment, found)
        now = self.running(environment)
        if now is None or now.image != release.image or not now.healthy:
            raise InfraError(f"{environment} does not run {release.version} after all", "see `mlgate status`")
        said = f"{release.version} at {now.url}, {now.where}"
        return [Check(id="ready", title="The release is ready", status="pass", evidence=said), *checks]

    def resume(self, environment: str, release: Release) -> list[Check]:
        now = self.running(environment)
        if now and now.healthy and now.image == release.image:
            said = f"{release.version} at {now.url}, {now.where}"
            return [Check(id="ready", title="The release is ready", status="pass", evidence=said)]
        return self.release(environment, release)

    def running(self, environment: str) -> Running | None:
        """By what the cluster says of the pods, whose probes ask the service itself."""
        kubectl = self._at(environment)
        ours = f"{self._labels(environment)},{COMPONENT}!=candidate"
        found = kubectl.read("deployments", f"--selector={ours}") if kubectl else []
        if kubectl is None or not found:
            return None
        pods = kubectl.read("pods", f"--selector={ours}")
        meta, spec, status = (found[0].get(key, {}) for key in ("metadata", "spec", "status"))
        about = spec["template"]["metadata"]
        wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
        current = status.get("observedGeneration") == meta["generation"] and status.get("updatedReplicas", 0) == wanted
        times = [c["lastUpdateTime"] for c in status.get("conditions", []) if c["type"] == "Progressing"]
        return Running(
            url=f"http://{meta['name']}.{kubectl.namespace}.svc",
            healthy=bool(current and wanted and ready == wanted),
            version=about.get("labels", {}).get(VERSION, ""),
            image=about.get("annotations", {}).get(RELEASE, ""),
            where=f"{ready} of {wanted} pods in {kubectl.namespace} of {kubectl.context}",
            since=datetime.fromisoformat(times[0]).timestamp() if times else 0.0,
            restarts=sum(c["restartCount"] for pod in pods for c in pod["status"].get("containerStatuses", [])),
        )

    def stop(self, environment: str) -> bool:
        """What serves is deleted; the namespace stays, with its secrets and its rules."""
        kubectl = self._at(environment)
        if kubectl is None:
            raise InfraError(SKIPPED, "connect kubectl to the cluster, or set MLGATE_KUBE_CONTEXT")
        words = ("delete", SERVING, f"--selector={self._labels(environment)}", "--cascade=foreground", "--output=name")
        return "/" in kubectl.ask(*words)  # else "No resources found"

    def logs(self, environment: str, lines: int) -> list[str]:
        kubectl = self._at(environment)
        if kubectl is None:
            return [f"skip: {SKIPPED}"]
        said: list[str] = []
        for name in kubectl.ask("get", "pods", f"--selector={self._labels(environment)}", "--output=name").split():
            words = kubectl.ask("logs", name, f"--tail={lines}", "--all-containers").splitlines()
            said += [f"{name}:", *(f"  {line}" for line in words)]
        return said or [f"{environment} runs no pod in {kubectl.namespace} of {kubectl.context}"]

    def _at(self, environment: str) -> Kubectl | None:
        namespace = namespace_of(self.project.params.project.slug, environment)
        return self._cluster.within(namespace) if self._cluster else None

    def _labels(self, environment: str) -> str:
        return f"{NAME}={prefix_of(self.project.params.project.slug)},{INSTANCE}={environment}"

    def _committed(self, environment: str, release: Release) -> list[dict[str, Any]]:
        """What the ledger says is to run; it is for this release, and this engine can bring it."""
        content = Ledger(self.project).file(environment, MANIFESTS)
        mend = f"run `mlgate deploy --env {environment} --engine kubernetes`"
        if content is None:
            raise InfraError(f"env/{environment} has no {MANIFESTS}", mend)
        found = documents(content)
        if release_of(found) != release.image:
            raise InfraError(f"{MANIFESTS} in env/{environment} is of another release than {release.version}", mend)
        if workload(found)["kind"] != "Deployment":
            raise InfraError(
                "a canary is driven by Argo Rollouts", "set deploy.engine to none: Argo CD or Flux applies it"
            )
        return found

    def _need_secrets(self, kubectl: Kubectl, found: list[dict[str, Any]]) -> None:
        for name in secrets(workload(found)):
            if not kubectl.read("secret", name):
                make = f"kubectl create secret generic {name} -n {kubectl.namespace} …"
                mend = f"`{make}`: deploy/RUNBOOK.md has it in full"
                raise InfraError(f"there is no secret {name} in {kubectl.namespace} of {kubectl.context}", mend)

    def _examined(self, kubectl: Kubectl, found: list[dict[str, Any]], release: Release) -> list[Check]:
        """The smoke test of one pod of the release that no Service knows; it is gone afterwards."""
        alone = candidate(workload(found))
        name = alone["metadata"]["name"]
        try:
            accounts = [document for document in found if document["kind"] in ("ServiceAccount", "NetworkPolicy")]
            kubectl.apply([*accounts, alone])
            kubectl.wait(name, READY_SECONDS)
            with open_to_ctrl_c(), kubectl.forwarded(f"deployment/{name}", PORT) as url:
                try:
                    golden = bundle_of(self.project, release) / ARTIFACTS / "golden.json"
                except DataError as error:  # a rollback must not wait for a build
                    return smoke_without_golden(url, release.version, str(error))
                return smoke(url, golden, release.version, self.project.params.deploy.latency_ms)
        finally:
            kubectl.ask("delete", "deployment", name, "--ignore-not-found", "--wait=false")

    def _switch(self, kubectl: Kubectl, environment: str, found: list[dict[str, Any]]) -> None:
        """Apply everything and wait; what fails or is interrupted is taken back."""
        name, former = workload(found)["metadata"]["name"], self._what_serves(environment)
        try:
            kubectl.apply(found)
            kubectl.wait(name, READY_SECONDS)
            self._prune(kubectl, environment, found)
        except BaseException:
            if former:
                kubectl.apply(former)
            else:
                kubectl.ask("delete", SERVING, f"--selector={self._labels(environment)}", "--wait=false")
            raise

    def _prune(self, kubectl: Kubectl, environment: str, found: list[dict[str, Any]]) -> None:
        """Delete what former manifests brought and these don't."""
        kept = {(document["kind"], document["metadata"]["name"]) for document in found}
        for there in kubectl.read(OURS, f"--selector={self._labels(environment)},{COMPONENT}!=candidate"):
            kind, name = there["kind"], there["metadata"]["name"]
            if (kind, name) not in kept:
                kubectl.ask("delete", kind, name, "--ignore-not-found")

    def _what_serves(self, environment: str) -> list[dict[str, Any]]:
        """The manifests in the ledger of the release that the cluster has now; none where it has none."""
        now, ledger = self.running(environment), Ledger(self.project)
        for entry in ledger.entries(environment) if now else ():
            if entry.release and now and entry.release.image == now.image:
                content = ledger.branch(environment).file(entry.commit, MANIFESTS)
                return documents(content) if content else []
        return []
