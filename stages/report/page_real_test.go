//go:build real

package report

import (
	"bytes"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// chromium runs a headless Chromium that can reach no network on a page.
func chromium(t *testing.T, page string, args ...string) []byte {
	t.Helper()
	exe := os.Getenv("TASKVEC_CHROMIUM")
	if exe == "" {
		t.Fatal("TASKVEC_CHROMIUM names no browser: run make test-real")
	}
	args = append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + t.TempDir(), "--virtual-time-budget=5000", "--window-size=1300,900",
	}, args...)
	var stderr bytes.Buffer
	cmd := exec.Command(exe, append(args, "file://"+page)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	return out
}

// TestRealPage opens the page in a browser without a network: every chart is drawn, with the
// tasks' names in it.
func TestRealPage(t *testing.T) {
	dir := t.TempDir()
	in := tested()
	if err := in.Write(dir); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "index.html")
	dom := string(chromium(t, page, "--dump-dom"))
	figures, err := in.figures()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		_, chart, ok := strings.Cut(dom, `id="chart-`+f.Name+`"`)
		if !ok {
			t.Errorf("no place for chart %s", f.Name)
			continue
		}
		chart, _, _ = strings.Cut(chart, "</section>")
		if !strings.Contains(chart, "<svg") {
			t.Errorf("chart %s is not drawn", f.Name)
		}
		if !strings.Contains(chart, "every-2-words") {
			t.Errorf("chart %s does not name its tasks", f.Name)
		}
	}
	// The skills have a row that is no task, and names that are neither on both axes.
	if !strings.Contains(dom, `id="chart-skill-m"`) || !strings.Contains(dom, ">none<") {
		t.Error("the heat map of the skills has no row of the base model")
	}
	shot := filepath.Join(t.TempDir(), "page.png")
	chromium(t, page, "--screenshot="+shot)
	b, err := os.ReadFile(shot)
	if err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(bytes.NewReader(b)); err != nil || img.Bounds().Dx() != 1300 {
		t.Errorf("screenshot: %v", err)
	}
}
