package cli

import (
	"taskvec/internal/pipeline"
	"taskvec/stages/build"
	"taskvec/stages/collect"
	"taskvec/stages/evaluate"
	"taskvec/stages/fetch"
	"taskvec/stages/pretrain"
	"taskvec/stages/projection"
	"taskvec/stages/report"
	"taskvec/stages/similarity"
	"taskvec/stages/summarize"
	"taskvec/stages/train"
)

// kinds are the kinds of stage an experiment can use.
var kinds = []pipeline.Kind{
	summarize.Kind, build.Kind, fetch.Kind, pretrain.Kind, train.Kind, collect.Kind, similarity.Kind, projection.Kind, evaluate.Kind, report.Kind,
}
