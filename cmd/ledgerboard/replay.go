package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/tabular"
)

type replayCommand struct {
	installation
	evidence
	bundleTrust
	Parent    string `xor:"from" required:"" type:"hexid" help:"Agency id, 24 hex digits."`
	Bundle    string `xor:"from" required:"" type:"existingfile" placeholder:"FILE" help:"Replay a proof bundle instead of the log. The bundle is verified first."`
	Dashboard string `type:"hexid" help:"Include only this dashboard: a sub-account, 24 hex digits."`
	Until     string `xor:"until" placeholder:"TIME" help:"Last moment to include: a day (2026-03-14, until its end, UTC) or an instant (RFC 3339)."`
	Version   int64  `xor:"until" help:"Last version to include."`
	Format    string `enum:"table,json" default:"table" help:"Output format: table, or json (one object per line, with the record's hash in the chain)."`
	State     bool   `help:"Print the final state instead of the changes."`
}

var errChain = exitError{
	"the hash chain is broken: later records were not replayed; run 'ledgerboard verify'", exitFindings,
}

func (r replayCommand) Run(ctx context.Context, std streams) error {
	if r.Version < 0 {
		return usageError{fmt.Errorf("--version is %d; use 1 or more", r.Version)}
	}
	until, err := parseUntil(r.Until)
	if err != nil {
		return usageError{err}
	}
	// Changes are printed as they are read, so that a long history does not have to fit in memory.
	printer := replayPrinter{json: r.Format == "json", out: bufio.NewWriterSize(std.Out, 64<<10)}
	cfg := proof.ReplayConfig{Parent: r.Parent, Dashboard: r.Dashboard, Version: r.Version, Until: until}
	cfg.Yield = func(change proof.Change) error {
		if err := ctx.Err(); err != nil || r.State {
			return err
		}
		return printer.change(change)
	}
	done, err := r.replay(ctx, std, cfg)
	if err == nil && r.State {
		err = printer.state(done)
	}
	if flushed := printer.out.Flush(); err == nil {
		err = wrapError("print", flushed)
	}
	if err != nil {
		return interruptedError(ctx, explainProof(err),
			fmt.Sprintf("the printed output is incomplete: it ends with version %d", done.Version))
	}
	if done.Broken == "" && done.Version == 0 {
		fmt.Fprintf(std.Err, "There are no records of agency %s up to that point.\n", done.Agency)
	} else {
		fmt.Fprintf(std.Err, "%d changes to single dashboards in the records up to version %d of %s; "+
			"the chain is valid up to that version.\n",
			done.Changes, done.Version, done.Time.Format(time.RFC3339))
	}
	if done.Broken != "" {
		return fmt.Errorf("%w (%s)", errChain, done.Broken)
	}
	return nil
}

// parseUntil parses a day, which ends with its last microsecond, or an instant.
func parseUntil(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Microsecond), nil
	}
	instant, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return instant, fmt.Errorf("--until %q is neither a day (2026-03-14) nor an instant (2026-03-14T12:00:00Z)",
			text)
	}
	return instant, nil
}

func (r replayCommand) replay(ctx context.Context, std streams, cfg proof.ReplayConfig) (done proof.Replayed, err error) {
	if r.Bundle != "" {
		return r.fromBundle(ctx, std, cfg)
	}
	err = r.withExistingLog(ctx, std, func(log *eventlog.Log) (err error) {
		done, err = proof.Replay(ctx, log, cfg)
		return err
	})
	return done, err
}

// fromBundle verifies the bundle before it prints anything: unverified content must not be shown.
func (r replayCommand) fromBundle(
	ctx context.Context, std streams, cfg proof.ReplayConfig,
) (done proof.Replayed, err error) {
	verify := verifyCommand{evidence: r.evidence, bundleTrust: r.bundleTrust, Bundle: r.Bundle}
	if err := verify.bundle(ctx, streams{Out: std.Err, Err: std.Err}); err != nil {
		return done, err
	}
	known, err := r.forBundle(r.Bundle, r.TrustBundleKey)
	if err != nil {
		return done, err
	}
	topics, err := app.Topics()
	if err != nil {
		return done, err
	}
	file, err := os.Open(r.Bundle)
	if err != nil {
		return done, fmt.Errorf("open bundle: %w", err)
	}
	defer file.Close()
	return proof.ReplayBundle(file, known, eventlog.NewCodec(domain.NewRegistry(), topics, "").Decode, cfg)
}

type replayPrinter struct {
	json  bool
	out   *bufio.Writer
	began bool
}

func (r *replayPrinter) change(c proof.Change) error {
	if r.json {
		return tabular.NewLines(r.out).Row(c)
	}
	if !r.began {
		r.began = true
		fmt.Fprintf(r.out, "%7s  %-23s  %-24s  %-24s  %-24s  %s\n",
			"VERSION", "TIME (UTC)", "ACTOR", "EVENT", "DASHBOARD", "CHANGE")
	}
	_, err := fmt.Fprintf(r.out, "%7d  %-23s  %-24s  %-24s  %-24s  %s\n",
		c.Version, c.Time.UTC().Format("2006-01-02 15:04:05.000"), plain(cmp.Or(c.Actor, "-")),
		plain(strings.TrimPrefix(c.Event, "dashboard.")), plain(cmp.Or(c.Dashboard, "-")), plain(inWords(c)))
	return err
}

func cell(list []string) string { return plain(cmp.Or(strings.Join(list, " "), "-")) }

// plain replaces control characters, so that text from records cannot control the terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}

func inWords(c proof.Change) string {
	if c.Problem != "" {
		return "CANNOT BE FOLDED: " + c.Problem
	}
	if c.Skipped {
		return "has no effect: a later record skips it"
	}
	if s := c.Skip; s != nil {
		return fmt.Sprintf("version %d was skipped, reason %s", s.Version, s.Reason)
	}
	var parts []string
	add := func(what string, list []string) {
		if len(list) > 0 {
			parts = append(parts, what+" "+strings.Join(list, ","))
		}
	}
	if c.Created {
		parts = append(parts, "created")
	}
	add("linked", c.Linked)
	add("unlinked", c.Unlinked)
	add("users added", c.UsersAdded)
	add("users removed", c.UsersRemoved)
	if c.Allow != nil {
		parts = append(parts, fmt.Sprintf("allowed=%t", *c.Allow))
	}
	set := func(what string, list []string) {
		if list != nil {
			parts = append(parts, what+" "+cmp.Or(strings.Join(list, ","), "none"))
		}
	}
	set("scopes", c.Scopes)
	set("poc", c.MainPOC)
	if c.OnBehalfOf != "" {
		parts = append(parts, "on behalf of "+c.OnBehalfOf)
	}
	return strings.Join(parts, "; ")
}

func (r *replayPrinter) state(done proof.Replayed) error {
	if r.json {
		return json.NewEncoder(r.out).Encode(done)
	}
	fmt.Fprintf(r.out, "State after version %d (%s):\n", done.Version, done.Time.Format(time.RFC3339Nano))
	for _, d := range done.State {
		fmt.Fprintf(r.out, "%s  changed by version %d on %s\n",
			d.SubAccountID, d.Version, d.UpdatedAt.Format(time.RFC3339))
		fmt.Fprintf(r.out, "  linked   %s\n  users    %s\n  poc      %s\n  allowed  %t\n  scopes   %s\n",
			cell(d.SubAccountIDs), cell(d.Users), cell(d.MainPOC), d.AllowClientDashboard, cell(d.Scopes))
	}
	return nil
}
