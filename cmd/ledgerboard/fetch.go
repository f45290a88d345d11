package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// fetchCommand reads one connection by hand, with the settings of the service, and prints what was read.
// It reads for real: what it prints is in the log.
type fetchCommand struct {
	settings
	Platform string `required:"" enum:"facebook,instagram,linkedin,tiktok" help:"The platform."`
	Account  int64  `required:"" placeholder:"ID" help:"The social account (id of tSAccounts)."`
	Posts    bool   `help:"Read its posts instead of its totals: list, register new ones, read those that are due."`
	Once     bool   `help:"Read once and end. Without it the account is read again and again, at the service's interval, until Ctrl-C."`
	JSON     bool   `name:"json" help:"Print each event that was recorded as a JSON object a line."`
}

func (c fetchCommand) Run(ctx context.Context, s streams) (err error) {
	at, config, err := c.readsByHand(s)
	if err != nil {
		return err
	}
	recorded := &recording{}
	config.Appended = recorded.add
	parts := assembly.NewParts(at)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err := parts.Migrate(ctx); err != nil {
		return err
	}
	fetcher, err := parts.NewFetcher(ctx, *config)
	if err != nil {
		return err
	}
	tables, err := parts.Tables(ctx)
	if err != nil {
		return err
	}
	if !c.Once {
		defer following(ctx, tables)()
	}
	return c.read(ctx, s, recorded, fetcher, readmodels.Connections{Pool: tables})
}

// following lets the command read the tables that services read, until stop: else those that it began with could not be retired
// before it ends.
func following(ctx context.Context, tables *projections.Readers) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { tables.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// read reads the account once, or until ctx is done.
func (c fetchCommand) read(ctx context.Context, s streams, recorded *recording, fetcher *assembly.Fetcher, from readmodels.Connections) error {
	kind := domain.FetchAccounts
	if c.Posts {
		kind = domain.FetchPosts
	}
	at := slices.IndexFunc(domain.Platforms(), func(p domain.Platform) bool { return p.String() == c.Platform })
	for {
		err := fetcher.Once(ctx, from, kind, domain.Platforms()[at], c.Account)
		c.print(s.Out, recorded.take())
		wait := max(c.AccountInsightsInterval, time.Second)
		switch {
		case err == nil && c.Once:
			return nil
		case err == nil:
		case ctx.Err() != nil && !c.Once:
			return nil // Ctrl-C, which is how this ends
		case c.Once || !passes(err):
			return c.explain(err)
		default:
			wait = max(wait, platforms.RetryAfter(err))
			fmt.Fprintf(s.Err, "%v\nIt is tried again in %s.\n", c.explain(err), wait)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// passes tells whether a failure may be over by itself when the account is read again.
func passes(err error) bool {
	class := platforms.ClassOf(err)
	return class == platforms.ClassRetry || class == platforms.ClassThrottled
}

// explain adds to an error what to do about it.
func (c fetchCommand) explain(err error) error {
	words := platforms.Words(err)
	err = fmt.Errorf("%s account %d was not read: %w", c.Platform, c.Account, err)
	if words != "" { // for who asks: no log has them
		err = fmt.Errorf("%w\nThe platform says: %s", err, words)
	}
	if advice := collect.Advice(err); advice != "" {
		err = fmt.Errorf("%w\n%s", err, advice)
	}
	return err
}

// recording remembers what went into the log.
type recording struct {
	mu     sync.Mutex
	drafts []domain.Draft
}

func (r *recording) add(d domain.Draft) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drafts = append(r.drafts, d)
}

func (r *recording) take() (drafts []domain.Draft) {
	r.mu.Lock()
	defer r.mu.Unlock()
	drafts, r.drafts = r.drafts, nil
	return drafts
}

// printedEvent is an event as --json prints it.
type printedEvent struct {
	Type string      `json:"type"`
	Data domain.Data `json:"data"`
}

func (c fetchCommand) print(out io.Writer, drafts []domain.Draft) {
	if c.JSON {
		encoder := json.NewEncoder(out)
		for _, d := range drafts {
			if err := encoder.Encode(printedEvent{d.Data.EventType(), d.Data}); err != nil {
				return // nobody reads on
			}
		}
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush() //nolint:errcheck // as above
	registered, history := 0, 0
	for _, d := range drafts {
		switch e := d.Data.(type) {
		case domain.AccountRead:
			if e.Backfilled {
				history++
				continue
			}
			printAccount(table, e)
		case domain.PostRegistered:
			registered++
		case domain.PostRead:
			fmt.Fprintf(table, "post %s\tlikes %s\tcomments %s\tshares %s\tviews %s\treach %s\tclicks %s\tsaves %s\tavg_watch_ms %s\n",
				e.ExternalID, figure(e.Likes), figure(e.Comments), figure(e.Shares), figure(e.Views), figure(e.Reach), figure(e.Clicks),
				figure(e.Saves), figure(e.AvgWatch))
		}
	}
	if registered > 0 {
		fmt.Fprintf(table, "%d posts were not known before\n", registered)
	}
	if history > 0 {
		fmt.Fprintf(table, "%d days of history were read too\n", history)
	}
}

func printAccount(out io.Writer, e domain.AccountRead) {
	fmt.Fprintf(out, "%s account %d, read at %s\n", e.Platform, e.SocialAccount, e.CapturedAt.Format(time.RFC3339))
	for _, f := range e.Figures {
		fmt.Fprintf(out, "  %s\t%d\t%s\t%s\t%s\n", f.Name, f.Value, f.Kind, strings.TrimSpace(f.Day+" "+f.Window), f.Source)
	}
	for _, m := range e.Missing {
		fmt.Fprintf(out, "  %s\tmissing\t%s\t%s\n", m.Name, m.Reason, m.Detail)
	}
	for _, d := range e.Demographics {
		fmt.Fprintf(out, "  audience by %s\t%d groups\n", d.Facet, len(d.Values))
	}
}

// figure shows a figure that was not given as a dash, never as 0.
func figure(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}
