package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// rebuildProgram is the program as a process that answers requests, folds and rebuilds.
type rebuildProgram struct {
	serveProcess
	said *shardLines
}

// startRebuilder starts the program, and does not wait until it is ready: a projection that is paused keeps it from that.
func (b *bench) startRebuilder(ctx context.Context, brokers []string, databaseURL string) (*rebuildProgram, error) {
	binary, err := b.build(ctx)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	p := &rebuildProgram{said: &shardLines{}}
	p.addr = addr
	p.command = exec.CommandContext(ctx, binary, "serve", "--addr", addr, "--roles", "api,projector",
		"--data-dir", filepath.Join(b.dir, fmt.Sprintf("serve-%d", b.n)), "--log-level", "info", "--log-format", "json")
	p.command.Env = append(os.Environ(), "LEDGERBOARD_KAFKA_BROKERS="+strings.Join(brokers, ","), "LEDGERBOARD_DATABASE_URL="+databaseURL,
		"LEDGERBOARD_JWT_SECRET="+benchSecret, "LEDGERBOARD_DIRECTORY=main_app", "LEDGERBOARD_MANAGED_SUBSCRIPTIONS=managed_social",
		"LEDGERBOARD_USERS=unknown_allowed") // its log has posts and nobody
	p.command.Stderr = p.said
	p.command.Cancel = func() error { return p.command.Process.Signal(syscall.SIGTERM) }
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	return p, nil
}

// ready waits until the program answers requests.
func (p *rebuildProgram) ready(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < startWithin; time.Sleep(50 * time.Millisecond) {
		if _, err := p.get(ctx, "/readyz"); err == nil {
			return nil
		}
	}
	return errors.New("the program did not become ready")
}

// shards are the times that all shards so far took to fold, and to hand over their rows; one goes on beside the other.
func (p *rebuildProgram) shards() (fold, copied time.Duration) {
	p.said.mu.Lock()
	defer p.said.mu.Unlock()
	return p.said.fold, p.said.copied
}

// shardLines hears of the log lines what shards took; errors it hands on.
type shardLines struct {
	mu           sync.Mutex
	rest         []byte // a line that has not ended
	fold, copied time.Duration
}

// Write implements [io.Writer].
func (s *shardLines) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		line, rest, ended := bytes.Cut(s.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		s.hear(line)
		s.rest = rest
	}
}

func (s *shardLines) hear(line []byte) {
	var said struct {
		Level string  `json:"level"`
		Msg   string  `json:"msg"`
		Fold  float64 `json:"fold"` // seconds
		Copy  float64 `json:"copy"` // seconds
	}
	if json.Unmarshal(line, &said) != nil || said.Level == "ERROR" {
		fmt.Fprintf(os.Stderr, "%s\n", line)
		return
	}
	if said.Msg == "a shard is copied" {
		s.fold += time.Duration(said.Fold * float64(time.Second))
		s.copied += time.Duration(said.Copy * float64(time.Second))
	}
}

// processMemory is what is resident of a process, now and at most, in bytes.
type processMemory struct{ resident, peak float64 }

func (p *rebuildProgram) resident() (m processMemory, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return m, fmt.Errorf("read memory of the process: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "VmRSS:" && fields[0] != "VmHWM:" {
			continue
		}
		kilobytes, err := strconv.ParseFloat(fields[1], 64)
		if err != nil {
			return m, fmt.Errorf("read memory of the process: %w", err)
		}
		if fields[0] == "VmRSS:" {
			m.resident = kilobytes * 1024
		} else {
			m.peak = kilobytes * 1024
		}
	}
	return m, nil
}
