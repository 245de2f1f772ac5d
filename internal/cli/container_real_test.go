//go:build real

package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"taskvec/internal/pipeline"
)

// containerExperiment trains one tiny adapter in the trainer's image.
const containerExperiment = `experiment: contained
corpus: {format: sample}
models:
  tiny-llama:
    family: llama
    architecture: {vocabulary: 600, hidden: 32, layers: 2, heads: 4, kv_heads: 2, intermediate: 64, max_positions: 1024}
stages:
  - {name: examples, uses: build, with: {tasks: [first-10pct-words]}}
  - {name: base, uses: pretrain, matrix: {model: [tiny-llama]}, with: {epochs: 1}}
  - name: train
    uses: train
    needs: [examples, base]
    matrix: {model: [tiny-llama], task: [first-10pct-words]}
    runner: container
    container: {image: %q, memory: 4Gi}
    with: {epochs: 8, learning_rate: 2e-3, max_length: 256}
    retry: {limit: 20, backoff: 1s, factor: 1}
  - {name: adapters, uses: collect, needs: [train]}
`

// contained writes the experiment and returns its file.
func contained(t *testing.T) string {
	image := os.Getenv("TASKVEC_TRAINER_IMAGE")
	if image == "" {
		t.Fatal("TASKVEC_TRAINER_IMAGE names no image: run make test-real")
	}
	file := filepath.Join(t.TempDir(), "contained.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(containerExperiment, image)), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// follow runs the experiment and tells each event; when see returns false nothing more is read. It
// returns how the run ended.
func follow(t *testing.T, file, workspace string, see func(*exec.Cmd, pipeline.Event)) error {
	cmd := taskvec(t, "--config", file, "--workspace", workspace, "--progress", "json")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var e pipeline.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		if see != nil {
			see(cmd, e)
		}
	}
	return cmd.Wait()
}

// TestRealContainer trains in a container, undisturbed, and then with the runner or the container killed
// at ten random moments and once interrupted: the adapter is the same to the byte.
func TestRealContainer(t *testing.T) {
	file := contained(t)
	calm := t.TempDir()
	removeContainers(t, calm)
	if err := follow(t, file, calm, nil); err != nil {
		t.Fatal(err)
	}
	want := files(t, filepath.Join(calm, "contained"), "results")
	if len(want["/results/factors.arrow"]) == 0 {
		t.Fatal("nothing was trained")
	}
	records, err := pipeline.Workspace{Dir: calm}.Records("train")
	if err != nil {
		t.Fatal(err)
	}
	if v := records[0].Versions; len(v["image"]) != len("sha256:")+64 || v["engine"] != "podman" || v["go"] == "" {
		t.Errorf("the training's record says that %v made it: want the image's digest", v)
	}

	rng := rand.New(rand.NewPCG(1, 2))
	const kills = 10
	killed := map[string]int{}
	for killed["runner"]+killed["container"] < kills || killed["interrupt"] == 0 {
		workspace := t.TempDir()
		removeContainers(t, workspace)
		for attempt := 0; ; attempt++ {
			if attempt > 3*kills {
				t.Fatalf("no end after %d runs: %v", attempt, killed)
			}
			what := []string{"runner", "container", "interrupt"}[rng.IntN(3)]
			after := int64(1 + rng.IntN(40)) // steps of this run
			first := int64(-1)
			err := follow(t, file, workspace, func(cmd *exec.Cmd, e pipeline.Event) {
				if e.State != pipeline.Running || !strings.HasPrefix(e.Job, "train/") || e.Total == 0 {
					return
				}
				if first < 0 {
					first = e.Done
				}
				if e.Done < first+after {
					return
				}
				after = 1 << 40 // once a run
				killed[what]++
				if err := end(cmd, what, e.Key); err != nil {
					t.Error(err)
				}
			})
			if err == nil {
				break
			}
		}
		if left := ownContainers(t, workspace); len(left) > 0 {
			t.Errorf("containers are left after %v: %s", killed, left)
		}
		got := files(t, filepath.Join(workspace, "contained"), "results")
		if got["/results/factors.arrow"] != want["/results/factors.arrow"] {
			t.Errorf("after %v the adapter differs from that of the undisturbed training", killed)
		}
		logs, err := filepath.Glob(filepath.Join(workspace, "logs", "train", "tiny-llama", "first-10pct-words", "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, log := range logs {
			b, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			for _, said := range []string{"taking over the container", "resumed from step"} {
				if strings.Contains(string(b), said) {
					killed[said]++
				}
			}
		}
	}
	t.Logf("%v", killed)
	if killed["taking over the container"] == 0 || killed["resumed from step"] == 0 {
		t.Errorf("no container was taken over, or no training resumed: %v", killed)
	}
}

// ownContainers are the containers that runs in a workspace have made, running or not: those of other
// tests and of sessions that were cut off are not asked for.
func ownContainers(t *testing.T, workspace string) []string {
	store, err := filepath.Abs(filepath.Join(workspace, "store"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("podman", "ps", "--all", "--quiet", "--filter", "label=taskvec.store="+store).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// removeContainers leaves nothing behind of a test that failed in the middle.
func removeContainers(t *testing.T, workspace string) {
	t.Cleanup(func() {
		if left := ownContainers(t, workspace); len(left) > 0 {
			if out, err := exec.Command("podman", append([]string{"rm", "--force"}, left...)...).CombinedOutput(); err != nil {
				t.Errorf("remove containers: %v: %s", err, out)
			}
		}
	})
}

// end ends a run: it kills the runner or its container, or interrupts it, unless it has ended by
// itself.
func end(cmd *exec.Cmd, what, key string) error {
	running := func() string {
		id, err := exec.Command("podman", "ps", "--quiet", "--filter", "label=taskvec.key="+key).Output()
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(id))
	}
	var err error
	switch what {
	case "runner":
		err = cmd.Process.Kill()
	case "interrupt":
		err = cmd.Process.Signal(os.Interrupt)
	default:
		if id := running(); id != "" {
			if err = exec.Command("podman", "kill", id).Run(); running() == "" {
				err = nil
			}
		}
	}
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// TestRealContainerMissing says what to type where the image or the engine is missing.
func TestRealContainerMissing(t *testing.T) {
	file := contained(t)
	for _, c := range []struct{ set, want string }{
		{"stages.train.container.image=localhost/no-such-image:1", "image localhost/no-such-image:1 is not on this machine: podman pull"},
		{"stages.train.container.engine=docker", "docker"},
	} {
		cmd := taskvec(t, "--config", file, "--workspace", t.TempDir(), "--set", c.set, "--set", "stages.train.retry.limit=0")
		if c.set == "stages.train.container.engine=docker" {
			cmd.Env = append(cmd.Environ(), "PATH=/nonexistent")
			c.want = "docker is not installed: install it"
		}
		var out bytes.Buffer
		cmd.Stderr = &out
		if err := cmd.Run(); err == nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %v\n%s\nwant %s", c.set, err, out.String(), c.want)
		}
	}
}
