// Validates objects of Argo CD, Argo Rollouts, Flux and Kyverno against the schemas of their kinds.
// In: a JSON list of objects. Out: a JSON list, for each object "" or what is wrong with it.
import { Application, ApplicationSet, AppProject } from "@kubernetes-models/argo-cd/argoproj.io/v1alpha1";
import { AnalysisTemplate, Rollout } from "@kubernetes-models/argo-rollouts/argoproj.io/v1alpha1";
import { Kustomization } from "@kubernetes-models/flux-cd/kustomize.toolkit.fluxcd.io/v1";
import { GitRepository } from "@kubernetes-models/flux-cd/source.toolkit.fluxcd.io/v1";
import { ClusterPolicy } from "@kubernetes-models/kyverno/kyverno.io/v1";
import { readFileSync } from "node:fs";

const models = [Application, ApplicationSet, AppProject, AnalysisTemplate, Rollout, Kustomization, GitRepository, ClusterPolicy];
const known = new Map(models.map((model) => [`${model.apiVersion} ${model.kind}`, model]));

function problem(object) {
  const Model = known.get(`${object.apiVersion} ${object.kind}`);
  if (!Model) return `no schema of ${object.apiVersion} ${object.kind}`;
  try {
    new Model(object).validate();
    return "";
  } catch (error) {
    return String(error.message);
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(problem)));
