//go:build real

// Package ollamatest starts an Ollama server for the tests that need a real one. It is for tests alone.
package ollamatest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A Server is a server on a free port of the loopback, with a folder of models of its own.
type Server struct {
	Host   string // http://127.0.0.1:PORT
	Models string // where it keeps its manifests and blobs
}

// Start starts the server that .ci/ollama built; it ends with the test. Its log is shown when the test
// fails.
func Start(t testing.TB) *Server {
	t.Helper()
	exe := os.Getenv("TASKVEC_OLLAMA")
	if exe == "" {
		t.Fatal("TASKVEC_OLLAMA names no Ollama server: run make test-real")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	home := t.TempDir()
	s := &Server{Host: "http://" + address, Models: filepath.Join(home, "models")}
	logFile := filepath.Join(home, "server.log")
	log, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(exe, "serve")
	cmd.Env = append(os.Environ(), "HOME="+home, "OLLAMA_HOST="+address, "OLLAMA_MODELS="+s.Models, "OLLAMA_NUM_PARALLEL=1")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		// It ends its runners itself when it is asked to.
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("end the Ollama server: %v", err)
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			b, _ := os.ReadFile(logFile)
			t.Logf("the Ollama server's log:\n%s", b[max(0, len(b)-4000):])
		}
	})
	if err := s.wait(ended); err != nil {
		t.Fatal(err)
	}
	return s
}

// wait waits until the server answers.
func (s *Server) wait(ended <-chan error) error {
	deadline := time.After(time.Minute)
	for {
		if r, err := http.Get(s.Host); err == nil {
			r.Body.Close()
			return nil
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the Ollama server ended: %w", err)
		case <-deadline:
			return fmt.Errorf("the Ollama server at %s did not answer within a minute", s.Host)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
