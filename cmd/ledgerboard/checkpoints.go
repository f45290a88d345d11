package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// checkpointsCommand prints what a service has published.
type checkpointsCommand struct{ remote }

// Run implements the command. The signed notes stand one behind the other, newest first, each with an empty line behind it: any one of
// them, in a file of its own, serves verify --against.
func (c checkpointsCommand) Run(ctx context.Context, s streams) error {
	err := c.published(ctx, func(entry publishedNote) {
		for line := range strings.Lines(entry.Note) {
			fmt.Fprintln(s.Out, plain(strings.TrimSuffix(line, "\n"))) // a service's word must not drive a terminal
		}
		fmt.Fprintln(s.Out)
	})
	return interrupted(ctx, err, "what was printed is not whole")
}

// publishedNote is a checkpoint as a service lists it.
type publishedNote struct {
	ID   string `json:"id"`
	Note string `json:"note"`
}

// published gives each checkpoint that the service lists, newest first.
func (r *remote) published(ctx context.Context, each func(publishedNote)) error {
	query := url.Values{"limit": {"500"}}
	for {
		var raw bytes.Buffer
		if err := r.download(ctx, "/api/audit/checkpoints", query, &raw); err != nil {
			return err
		}
		var page struct {
			Data []publishedNote `json:"data"`
			Meta struct {
				Next string `json:"next_cursor"`
			} `json:"meta"`
		}
		err := json.Unmarshal(raw.Bytes(), &page)
		if err == nil && page.Data == nil {
			err = errors.New("it has no list")
		}
		if err != nil {
			return fmt.Errorf("the answer is not that of ledgerboard: %w", err)
		}
		for _, entry := range page.Data {
			each(entry)
		}
		if page.Meta.Next == "" {
			return nil
		}
		query.Set("cursor", page.Meta.Next)
	}
}
