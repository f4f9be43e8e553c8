// What Kubernetes is extended with where a project follows its environment branches: sources of the definitions and
// controllers that tests and benchmarks take, at the newest versions that Go 1.26 builds. ../extensions.py reads this.
module mlgate/tools/extensions

go 1.26.0

require (
	github.com/argoproj/argo-cd/gitops-engine v0.0.0-20260914071520-c9c369efcc5b
	github.com/argoproj/argo-cd/v3 v3.5.7
	github.com/argoproj/argo-rollouts v1.10.1
	github.com/fluxcd/kustomize-controller v1.9.6
	github.com/fluxcd/kustomize-controller/api v1.9.6
	github.com/fluxcd/pkg/artifact v0.18.0
	github.com/fluxcd/source-controller v1.9.6
	github.com/fluxcd/source-controller/api v1.9.6
	github.com/kyverno/kyverno v1.19.1
)
