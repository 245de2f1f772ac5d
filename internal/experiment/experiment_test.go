package experiment

import (
	"os"
	"testing"
)

func TestQuick(t *testing.T) {
	e, err := Load("../../configs/quickstart.yaml", nil, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", e)
	_, err = Parse("bad.yaml", []byte(`experiment: Quick
seeds: 12
lora: {rank: 0, rank: 3, alpha: x}
models:
  m: {family: lama, architecture: {hidden: 97}}
stages:
  - {name: examples, uses: build, with: {tasks: [nre]}, timeout: 3}
  - {name: examples, uses: trian, needs: [exmaples]}
`), []string{"lora.alpha=q"}, os.LookupEnv)
	t.Log(err)
}
