// Package experiment is the experiment file: its Go types, strict decoding with positions,
// defaults, validation and the JSON Schema generated from the types.
//
// It knows what may stand in the file, not how anything is run: jobs and keys are package
// pipeline's, and what a stage does is the stage's.
package experiment

import (
	"path/filepath"
	"slices"
	"strings"

	"taskvec/datasets"
	"taskvec/tasks"
)

// An Experiment is one decoded and validated experiment file, defaults filled in.
type Experiment struct {
	Name   string `yaml:"experiment" doc:"name of the experiment and of its folder in the workspace" required:"true"`
	Seed   int64  `yaml:"seed" doc:"the seed everything random is derived from" default:"1234"`
	Corpus Corpus `yaml:"corpus" doc:"the documents the tasks are built from"`
	// Summaries say where the reference summaries of the summary tasks come from.
	Summaries Summaries `yaml:"summaries" doc:"where the reference summaries of the summary tasks come from"`
	Models    Models    `yaml:"models" doc:"base models by name" required:"true"`
	Sets      Sets      `yaml:"sets" doc:"classification sets by name: the known ones (such as rte) need a path, your own their columns and labels too"`
	Tasks     Tasks     `yaml:"tasks" doc:"tasks of your own by name, beside those of the catalogue"`
	LoRA      LoRA      `yaml:"lora" doc:"settings of every adapter trained"`
	Stages    []Stage   `yaml:"stages" doc:"the kinds of work, in any order that needs allows" required:"true"`

	// File is the path the experiment was read from; relative paths in it start at its folder.
	File string `yaml:"-"`
	// Warnings are what is allowed in the file and likely not meant.
	Warnings Errors `yaml:"-"`
}

// Corpus names the documents and how they are split.
type Corpus struct {
	Format string   `yaml:"format" doc:"sample (the corpus that comes with taskvec), conll2012 or ontonotes (the release of the LDC)" enum:"sample,conll2012,ontonotes" default:"sample"`
	Path   string   `yaml:"path" doc:"file or folder of the corpus; ${VAR} is replaced from the environment" env:"true"`
	Edited bool     `yaml:"edited" doc:"of the format ontonotes: keeps the words that a speaker corrected, which CoNLL-2012 leaves out"`
	Genres []string `yaml:"genres" doc:"keep only documents of these genres (first part of the document id)"`
	Split  Split    `yaml:"split" doc:"documents drawn for each split; without it the corpus's own train, development and test folders"`
	Lists  Lists    `yaml:"lists" doc:"files that list each split's documents, in place of the corpus's folders"`
}

// Summaries are the source of reference summaries.
type Summaries struct {
	From string `yaml:"from" doc:"corpus (the sample corpus has its own), file, or ollama (a summarize stage has a model write them)" enum:"corpus,file,ollama" default:"corpus"`
	Path string `yaml:"path" doc:"JSONL file, {\"document\": id, \"part\": 0, \"share\": 0.1, \"summary\": text} a line; ${VAR} is replaced from the environment" env:"true"`
}

// Lists are the files that name each split's documents, one id a line; all empty means none.
type Lists struct {
	Train      string `yaml:"train" doc:"file of the ids to train on; ${VAR} is replaced from the environment" env:"true"`
	Validation string `yaml:"validation" doc:"file of the ids that choose the best checkpoint, likewise" env:"true"`
	Test       string `yaml:"test" doc:"file of the ids held out, likewise" env:"true"`
}

// Split is how many documents each split draws; all zero means the corpus's own split.
type Split struct {
	Train      int `yaml:"train" json:"train" doc:"documents to train on" min:"0"`
	Validation int `yaml:"validation" json:"validation" doc:"documents that choose the best checkpoint" min:"0"`
	Test       int `yaml:"test" json:"test" doc:"documents held out" min:"0"`
}

// Models are the experiment's base models in the order of the file.
type Models []Model

// A Model is one base model: a Hugging Face folder or Hub id (Base), or an architecture that a
// pretrain stage trains from scratch.
type Model struct {
	Name         string        `yaml:"-" json:"name"`
	Base         string        `yaml:"base" json:"base,omitempty" doc:"Hub id or folder of the base model; ${VAR} is replaced from the environment" env:"true"`
	Revision     string        `yaml:"revision" json:"revision,omitempty" doc:"commit of the Hub repository"`
	Variant      string        `yaml:"variant" json:"variant,omitempty" doc:"which published columns it is compared with" enum:"instruct,base"`
	Family       string        `yaml:"family" json:"family" doc:"layout of the model" enum:"llama,mistral,roberta" required:"true"`
	Architecture *Architecture `yaml:"architecture" json:"architecture,omitempty" doc:"a model a pretrain stage makes from scratch"`
}

// Sets are the experiment's classification sets in the order of the file. The name of each is that
// of a task.
type Sets []Set

// A Set is a classification set: where its files lie, and, for one whose layout is not built in,
// in which columns its rows stand.
type Set struct {
	Name   string   `yaml:"-"`
	Path   string   `yaml:"path" doc:"folder with train and other files, or one file; ${VAR} is replaced from the environment" env:"true" required:"true"`
	Text   string   `yaml:"text" doc:"column of the text (your own sets; the known ones have theirs built in, as what follows)"`
	Pair   string   `yaml:"pair" doc:"column of the second text, where rows are pairs"`
	Label  string   `yaml:"label" doc:"column of the label: a name of labels, or its number from 0"`
	Labels []string `yaml:"labels" doc:"names of the labels in the order of their numbers"`
	Split  SetSplit `yaml:"split" doc:"labelled rows drawn for each split; without it all there are"`
}

// SetSplit is how many labelled rows each split draws; all zero means all rows of the split's
// files.
type SetSplit struct {
	Train      int `yaml:"train" doc:"rows to train on" min:"0"`
	Validation int `yaml:"validation" doc:"rows that choose the best checkpoint" min:"0"`
	Test       int `yaml:"test" doc:"rows held out" min:"0"`
}

// Declare is the set with its layout.
func (s *Set) Declare() *datasets.Set {
	if known := datasets.KnownSet(s.Name); known != nil {
		return known
	}
	return datasets.NewSet(s.Name, s.Text, s.Pair, s.Label, s.Labels)
}

// Set returns the classification set of that name, or nil.
func (e *Experiment) Set(name string) *Set {
	for i := range e.Sets {
		if e.Sets[i].Name == name {
			return &e.Sets[i]
		}
	}
	return nil
}

// Tasks are the experiment's own tasks in the order of the file.
type Tasks []Task

// A Task is a task of the experiment's own: a prompt, and a rule or a file for its targets.
type Task struct {
	Name    string       `yaml:"-"`
	Family  tasks.Family `yaml:"family" doc:"what reports group the task with" enum:"linguistic,counting,summary,own" default:"own"`
	Prompt  string       `yaml:"prompt" doc:"the instruction, to the letter" required:"true"`
	Target  *tasks.Rule  `yaml:"target" doc:"rule that makes the target from a document: one of its keys"`
	Targets string       `yaml:"targets" doc:"JSONL file of targets, {\"document\": id, \"part\": 0, \"target\": text} a line; ${VAR} is replaced from the environment" env:"true"`
}

// Local says whether the base model is a folder: a path that begins with a slash or a dot, or with a
// variable where variables stand for themselves. Other bases are Hub ids, such as org/name.
func (m *Model) Local() bool {
	return strings.HasPrefix(m.Base, "/") || strings.HasPrefix(m.Base, "${") || strings.HasPrefix(m.Base, ".") || filepath.IsAbs(m.Base)
}

// Remote says whether the base model is to be fetched from the Hub.
func (m *Model) Remote() bool { return m.Architecture == nil && !m.Local() }

// Architecture is the shape of a model pretrained here.
type Architecture struct {
	Vocabulary   int `yaml:"vocabulary" json:"vocabulary" doc:"entries of the byte-level BPE vocabulary, special tokens included" default:"1024" min:"300"`
	Hidden       int `yaml:"hidden" json:"hidden" doc:"width of the residual stream" default:"96" min:"8"`
	Layers       int `yaml:"layers" json:"layers" doc:"number of layers" default:"4" min:"1"`
	Heads        int `yaml:"heads" json:"heads" doc:"attention heads" default:"6" min:"1"`
	KVHeads      int `yaml:"kv_heads" json:"kv_heads" doc:"key and value heads (grouped-query attention; llama only)" default:"3" min:"1" max:"1000"`
	Intermediate int `yaml:"intermediate" json:"intermediate" doc:"width of the feed-forward layer" default:"256" min:"8"`
	MaxPositions int `yaml:"max_positions" json:"max_positions" doc:"longest sequence in tokens" default:"1024" min:"16"`
}

// LoRA are the adapter settings, in PEFT's terms.
type LoRA struct {
	Rank          int      `yaml:"rank" json:"rank" doc:"rank r of every adapted module" default:"8" min:"1"`
	Alpha         float64  `yaml:"alpha" json:"alpha" doc:"ΔW = alpha/r·BA" default:"16" above:"0"`
	Dropout       float64  `yaml:"dropout" json:"dropout" doc:"dropout before A while training" default:"0.05" min:"0" below:"1"`
	TargetModules []string `yaml:"target_modules" json:"target_modules,omitempty" doc:"module types to adapt; default q_proj and v_proj, query and value for RoBERTa"`
}

// A Stage is one kind of work declared in the experiment.
type Stage struct {
	Name   string   `yaml:"name" doc:"name of the stage; its jobs are named NAME/cell" required:"true"`
	Uses   string   `yaml:"uses" doc:"kind of the stage" required:"true"`
	Needs  []string `yaml:"needs" doc:"stages whose results it reads"`
	Matrix Matrix   `yaml:"matrix" doc:"axes (model, task, seed) whose combinations are the stage's jobs, and combinations to exclude"`
	Runner string   `yaml:"runner" doc:"where train jobs run: embedded (in taskvec itself, for models pretrained here) or container" enum:"embedded,container"`
	// Container is set for the runner container only.
	Container *Container `yaml:"container" doc:"the container that train jobs run in"`
	Memory    Quantity   `yaml:"memory" doc:"memory a job needs while it runs, such as 2Gi"`
	With      any        `yaml:"with" doc:"settings of this kind of stage"`
	Retry     Retry      `yaml:"retry" doc:"how often and when a job is tried again that failed for a passing reason (exit 75, killed, pre-empted)"`
	Timeout   Duration   `yaml:"timeout" doc:"a job that runs longer fails, such as 12h"`
}

// Container says in what container a job runs.
type Container struct {
	Image   string   `yaml:"image" json:"image" doc:"the trainer's image, by digest (NAME@sha256:…) so that the same file means the same trainer; ${VAR} is replaced from the environment" env:"true" required:"true"`
	Engine  string   `yaml:"engine" json:"engine" doc:"what runs containers on this machine; auto takes podman, else docker" enum:"auto,podman,docker" default:"auto"`
	GPUs    int      `yaml:"gpus" json:"gpus" doc:"GPUs a job has to itself" min:"0"`
	Memory  Quantity `yaml:"memory" json:"memory" doc:"most memory of the container, such as 40Gi; jobs that run at once share this machine's"`
	Shm     Quantity `yaml:"shm" json:"shm" doc:"size of /dev/shm, such as 8Gi"`
	Network bool     `yaml:"network" json:"network" doc:"lets the trainer reach the network; none by default"`
	Command []string `yaml:"command" json:"command,omitempty" doc:"what starts the trainer where the job's pod is the container (Argo), the job's folder follows; default [python3, -m, taskvec_peft]"`
}

// Trainer is the command that starts the trainer inside of its container.
func (c *Container) Trainer() []string {
	if len(c.Command) == 0 {
		return []string{"python3", "-m", "taskvec_peft"}
	}
	return slices.Clone(c.Command)
}

// NeedsMemory is the memory in bytes that a job of the stage needs while it runs, 0 when not said.
func (s *Stage) NeedsMemory() Quantity {
	if s.Container != nil {
		return s.Container.Memory
	}
	return s.Memory
}

// NeedsGPUs is the number of GPUs that a job of the stage has to itself.
func (s *Stage) NeedsGPUs() int {
	if s.Container != nil {
		return s.Container.GPUs
	}
	return 0
}

// Retry says how often a failed job is tried again and how long to wait before that.
type Retry struct {
	Limit   int      `yaml:"limit" doc:"further attempts after the first" default:"0" min:"0"`
	Backoff Duration `yaml:"backoff" doc:"wait before the second attempt, such as 1m" default:"10s"`
	Factor  float64  `yaml:"factor" doc:"each further wait is this many times the last" default:"2" min:"1" max:"100"`
}

// BuildWith are the settings of a build stage: one job a task.
type BuildWith struct {
	Tasks []string `yaml:"tasks" json:"tasks" doc:"tasks to build; each becomes a job" required:"true"`
}

// Server says where an Ollama server is and how it is asked. It should not bear on what comes back, and is
// in no job's key; but requests at once and threads change the order in which the server adds, and of two
// tokens that are nearly as likely the other one may come.
type Server struct {
	Host        string `yaml:"host" doc:"its address, such as http://127.0.0.1:11434; default what OLLAMA_HOST says, else that one; ${VAR} is replaced from the environment" env:"true"`
	Concurrency int    `yaml:"concurrency" doc:"requests sent at once" default:"2" min:"1" max:"1000"`
	Threads     int    `yaml:"threads" doc:"processor threads it takes for a model; 0 for its own choice, which is all cores and many times slower than fewer where others use them too" default:"0" min:"0"`
}

// SummarizeWith are the settings of a summarize stage, which has a model of an Ollama server write
// reference summaries: one job a summary task.
type SummarizeWith struct {
	Tasks    []string `yaml:"tasks" doc:"summary tasks of the catalogue, each of which becomes a job: sum (10 % of the words) and sum-50pct" required:"true"`
	Model    string   `yaml:"model" doc:"the model that writes, as the server calls it; it is never downloaded" required:"true"`
	Digest   string   `yaml:"digest" doc:"SHA-256 of the model, which it must have (ollama list shows its beginning): the same file then means the same model"`
	Prompt   string   `yaml:"prompt" doc:"what the model is asked; {document} and {words}, the length to write, are filled in" default:"Summarize the following document in about {words} words. Answer with the summary alone.\n\n{document}"`
	Template bool     `yaml:"template" doc:"wraps the prompt into the model's chat template, as instruct models need it" default:"true"`
	NumCtx   int      `yaml:"num_ctx" doc:"tokens of document and summary together; one that does not fit is an error, since the server would cut it silently" default:"4096" min:"64"`
	Server   Server   `yaml:"server" doc:"the Ollama server and how it is asked"`
}

// FetchWith are the settings of a fetch stage, which downloads base models: one job a model.
type FetchWith struct{}

// PretrainWith are the settings of a pretrain stage: one job a model.
type PretrainWith struct {
	Epochs       int     `yaml:"epochs" json:"epochs" doc:"passes over the corpus text" default:"10" min:"1"`
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate" doc:"peak learning rate (AdamW, linear warm-up, cosine to a tenth)" default:"3e-3" above:"0"`
	BatchSize    int     `yaml:"batch_size" json:"batch_size" doc:"sequences a step" default:"4" min:"1"`
	MaxLength    int     `yaml:"max_length" json:"max_length" doc:"tokens a sequence" default:"256" min:"8"`
	WeightDecay  float64 `yaml:"weight_decay" json:"weight_decay" doc:"decoupled weight decay of AdamW" default:"0.01" min:"0"`
	Clip         float64 `yaml:"clip" json:"clip" doc:"largest gradient norm" default:"1.0" min:"0"`
}

// TrainWith are the settings of a train stage: one job a model and task.
type TrainWith struct {
	Epochs       int     `yaml:"epochs" json:"epochs" doc:"passes over the task's training examples" default:"6" min:"1"`
	LearningRate float64 `yaml:"learning_rate" json:"learning_rate" doc:"peak learning rate" default:"4e-5" above:"0"`
	Schedule     string  `yaml:"schedule" json:"schedule" doc:"learning-rate schedule after warm-up" enum:"constant,linear,cosine" default:"constant"`
	Warmup       float64 `yaml:"warmup" json:"warmup" doc:"share of the steps that warm up" default:"0" min:"0" max:"1"`
	BatchSize    int     `yaml:"batch_size" json:"batch_size" doc:"examples a forward pass" default:"1" min:"1"`
	Accumulation int     `yaml:"accumulation" json:"accumulation" doc:"forward passes a step" default:"1" min:"1"`
	MaxLength    int     `yaml:"max_length" json:"max_length" doc:"longest example in tokens; longer ones are cut in the middle of the prompt and counted" default:"4096" min:"8"`
	WeightDecay  float64 `yaml:"weight_decay" json:"weight_decay" doc:"decoupled weight decay of AdamW" default:"0.01" min:"0"`
	Clip         float64 `yaml:"clip" json:"clip" doc:"largest gradient norm" default:"1.0" min:"0"`
	Patience     int     `yaml:"patience" json:"patience" doc:"stop after this many epochs without a better validation loss; 0 = never" default:"0" min:"0"`
	// The following are for the runner container: the embedded trainer has no use for them.
	Optimizer             string `yaml:"optimizer" json:"optimizer" doc:"AdamW, or bitsandbytes's with paged 32-bit states (on a GPU)" enum:"adamw,paged_adamw_32bit" default:"adamw"`
	DType                 string `yaml:"dtype" json:"dtype" doc:"type of the base model; auto is bfloat16 where the device computes in it, else float32" enum:"auto,bfloat16,float32" default:"auto"`
	GradientCheckpointing bool   `yaml:"gradient_checkpointing" json:"gradient_checkpointing" doc:"computes activations again in the backward pass, for less memory"`
	Quantization          string `yaml:"quantization" json:"quantization" doc:"nf4 loads the base model in 4 bits (on a GPU)" enum:"none,nf4" default:"none"`
	GroupByLength         bool   `yaml:"group_by_length" json:"group_by_length" doc:"puts examples of like length into a batch"`
	InitSeed              *int64 `yaml:"init_seed" json:"init_seed,omitempty" doc:"seed of A's initialisation; default the experiment's seed"`
	DataSeed              *int64 `yaml:"data_seed" json:"data_seed,omitempty" doc:"seed of data order and dropout; default the experiment's seed"`
}

// EvaluateWith are the settings of an evaluate stage, which has every adapter do every task of its
// model.
type EvaluateWith struct {
	Adapters   []string `yaml:"adapters" doc:"tasks whose adapters are tested; default all trained"`
	Tasks      []string `yaml:"tasks" doc:"tasks they are tested on; default all trained"`
	Documents  int      `yaml:"documents" doc:"test examples of each task, the first of the split; 0 for all" default:"0" min:"0"`
	NumPredict int      `yaml:"num_predict" doc:"most tokens of an answer of a language model; an answer is cut there, and an example whose reference is longer is left out and counted" default:"512" min:"1"`
	NumCtx     int      `yaml:"num_ctx" doc:"tokens of prompt and answer together; no more than the model was trained on are used" default:"4096" min:"64"`
	// From are the models whose base the server has already.
	From   ServerModels `yaml:"from" doc:"language models, by their names above, whose base model is one of the server's: each adapter is laid on that one, and no folder is sent"`
	Server Server       `yaml:"server" doc:"the Ollama server and how it is asked"`
}

// ServerModels are models of an Ollama server by the experiment's models that they stand for, in the order of
// the file.
type ServerModels []ServerModel

// A ServerModel is a model of an Ollama server that is the base of one of the experiment's models.
type ServerModel struct {
	Name   string `yaml:"-" json:"-"` // the experiment's
	Model  string `yaml:"model" json:"model" doc:"the base model, as the server calls it; it is never downloaded" required:"true"`
	Digest string `yaml:"digest" json:"digest,omitempty" doc:"SHA-256 of the model, which it must have (ollama list shows its beginning): the same file then means the same model"`
}

// CollectWith are the settings of a collect stage: none.
type CollectWith struct{}

// SimilarityWith are the settings of a similarity stage.
type SimilarityWith struct {
	Measures []string `yaml:"measures" json:"measures" doc:"symmetric measures to compute; default all" enum:"grassmann,grassmann_sum,grassmann_paper,chordal,asimov,fubini_study,martin,binet_cauchy,procrustes,projection,grassmann_null_mean,grassmann_null_sd,grassmann_z,phi,knots_alignment,cosine,l2,spectral_l2,sti,sign_conflict,sign_conflict_ties"`
}

// ProjectionWith are the settings of a projection stage.
type ProjectionWith struct {
	Pairs [][]string `yaml:"pairs" json:"pairs" doc:"ordered [source, target] pairs; default all of a model"`
	P     float64    `yaml:"p" json:"p" doc:"order of the measure lp" default:"3" min:"1" max:"1000"`
	Sign  string     `yaml:"sign" json:"sign" doc:"what negative entries of S2 count as" enum:"abs,clip,signed" default:"abs"`
}

// ReportWith are the settings of a report stage.
type ReportWith struct {
	Published string `yaml:"published" json:"published,omitempty" doc:"file of published values to print beside ours"`
}

// A Matrix declares the cells of a stage: every combination of the axes' values but those that
// match an entry of Exclude on all its axes.
type Matrix struct {
	Axes    []Axis
	Exclude []map[string]string
}

// An Axis is one axis of a matrix, in the order of the file.
type Axis struct {
	Name   string // model or task
	Values []string
}

// Task returns the task of that name: the experiment's own, that of a classification
// set, or the catalogue's. A task whose
// targets are supplied is returned without them. It is nil when there is none.
func (e *Experiment) Task(name string) *tasks.Task {
	for _, own := range e.Tasks {
		if own.Name == name {
			return own.declare()
		}
	}
	if s := e.Set(name); s != nil {
		return tasks.Labelled(name, s.Declare().Labels)
	}
	return tasks.Lookup(name)
}

// declare is the task without supplied targets, nil when its rule is none.
func (t *Task) declare() *tasks.Task {
	if t.Target == nil {
		return tasks.DeclareTargets(t.Name, t.Family, t.Prompt, nil)
	}
	task, err := tasks.Declare(t.Name, t.Family, t.Prompt, *t.Target)
	if err != nil {
		return nil // validate reports it
	}
	return task
}

// TaskNames returns the names of all tasks the experiment can use: the catalogue's, then
// its own and its sets.
func (e *Experiment) TaskNames() []string {
	names := tasks.Names()
	for _, t := range e.Tasks {
		names = append(names, t.Name)
	}
	for _, s := range e.Sets {
		names = append(names, s.Name)
	}
	return names
}

// Model returns the model of that name, or nil.
func (e *Experiment) Model(name string) *Model {
	for i := range e.Models {
		if e.Models[i].Name == name {
			return &e.Models[i]
		}
	}
	return nil
}
