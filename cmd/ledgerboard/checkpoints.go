package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

type checkpointsCommand struct{ remote }

// Run implements the command. It prints the signed notes, newest first, each followed by an empty line.
func (c checkpointsCommand) Run(ctx context.Context, s streams) error {
	return interrupted(ctx, c.print(ctx, s.Out), "what was printed is not whole")
}

func (c checkpointsCommand) print(ctx context.Context, out io.Writer) error {
	query := url.Values{"limit": {"500"}}
	for {
		var raw bytes.Buffer
		if err := c.download(ctx, "/api/audit/checkpoints", query, &raw); err != nil {
			return err
		}
		var page struct {
			Data []struct {
				Note string `json:"note"`
			} `json:"data"`
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
			for line := range strings.Lines(entry.Note) {
				fmt.Fprintln(out, plain(strings.TrimSuffix(line, "\n"))) // a service's word must not drive a terminal
			}
			fmt.Fprintln(out)
		}
		if page.Meta.Next == "" {
			return nil
		}
		query.Set("cursor", page.Meta.Next)
	}
}
