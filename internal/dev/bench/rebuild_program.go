package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// rebuildProgram is the program as a process that answers requests, folds and rebuilds.
type rebuildProgram struct {
	*serveProcess

	said *shardLines
}

func (b *bench) startRebuilder(ctx context.Context, brokers []string, databaseURL string) (*rebuildProgram, error) {
	said := &shardLines{}
	process, err := b.startServe(ctx, brokers, databaseURL, "info", said)
	return &rebuildProgram{serveProcess: process, said: said}, err
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
