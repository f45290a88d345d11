package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// bundleTrust says whether a bundle is believed about its own key.
type bundleTrust struct {
	TrustBundleKey bool `help:"With --bundle and without --key: check with the key that the bundle itself names. That shows whether the bundle is whole, and not who signed it."`
}

// verifyCommand proves that nothing in the history was changed, or names what was.
type verifyCommand struct {
	storage
	logging
	evidence
	checkpointInterval
	Parent string `xor:"what" help:"Verify one agency, 24 hex digits."`
	All    bool   `xor:"what" help:"Verify all agencies."`
	Bundle string `xor:"what" type:"existingfile" placeholder:"FILE" help:"Verify a proof bundle: needs --key or --trust-bundle-key, and neither log nor database."`
	bundleTrust
	Tables   bool          `xor:"what" help:"Fold the log anew in memory and compare the tables of all projections with it, row by row."`
	LogOnly  bool          `help:"Do not compare with the tables: needs no database."`
	JSON     bool          `name:"json" help:"Print the report as a JSON object."`
	patience time.Duration // see behindPatience
}

// nothingVerified is what a verification leaves that was cut.
const nothingVerified = "nothing is proved and nothing is refuted; run it again"

// What ends a verification that found something, with an exit code of its own: who runs verify by a timer must tell findings
// from a broker that is away.
var (
	errFindings       = errors.New("not everything is as it must be: see the findings")
	errTableFindings  = errors.New("tables are not what the log says: see the report; a rebuild makes them anew from the log")
	errBundleFindings = errors.New("the file proves nothing: see the findings")
)

func (c verifyCommand) Run(ctx context.Context, s streams) error {
	c.patience = cmp.Or(c.patience, behindPatience)
	if c.Bundle != "" {
		return interrupted(ctx, c.bundle(ctx, s), nothingVerified)
	}
	if c.Tables {
		return interrupted(ctx, c.tables(ctx, s), nothingVerified)
	}
	if c.Parent == "" && !c.All {
		return usageError{errors.New("name one of --parent, --all, --bundle, --tables")}
	}
	parent := ""
	if !c.All {
		var err error
		if parent, err = hexFlag("--parent", c.Parent); err != nil {
			return err
		}
	}
	known, file, err := c.open(c.storage)
	if err != nil {
		return err
	}
	began := time.Now()
	report, err := c.verify(ctx, s, proof.VerifyConfig{Parent: parent, Known: known, File: file, Every: c.CheckpointEvery})
	if err != nil {
		return interrupted(ctx, explainProof(err), nothingVerified)
	}
	if parent != "" && report.OK() && report.Agencies == 0 {
		return fmt.Errorf("the log has no record of agency %s: nothing was verified; check --parent", parent)
	}
	if c.JSON {
		err = json.NewEncoder(s.Out).Encode(report)
	} else {
		printReport(s.Out, report, time.Since(began))
	}
	switch {
	case err != nil:
	case !report.OK():
		err = errFindings
	}
	return err
}

// verify opens what is needed and gives it back.
func (c verifyCommand) verify(ctx context.Context, s streams, cfg proof.VerifyConfig) (report proof.Report, err error) {
	if err := c.needLog(); err != nil {
		return report, err
	}
	if !c.LogOnly {
		if err := c.needTables(", or leave them out with --log-only"); err != nil {
			return report, err
		}
	}
	parts := assembly.NewParts(c.looking(c.logger(s)))
	defer func() { err = errors.Join(err, parts.Close()) }()
	log, err := parts.Log(ctx)
	if errors.Is(err, eventlog.ErrNoTopic) {
		return proof.Report{Agency: cfg.Parent, Findings: []proof.Finding{noLog(err)}}, nil
	}
	if err != nil {
		return report, explainInUse(err)
	}
	if c.LogOnly {
		return c.run(ctx, s, log, cfg)
	}
	return c.compare(ctx, s, parts, cfg)
}

// noLog is the finding that brokers lack a topic of the log. Nothing makes it in its place: an empty log has nothing that is wrong.
func noLog(err error) proof.Finding {
	return proof.Finding{Kind: proof.KindRemoved, Differs: []string{"topic"}, Detail: fmt.Sprintf(
		"the brokers do not hold the whole log. Either a topic was deleted, or these are not the brokers of the service (%s)", err)}
}

// run verifies with a progress bar.
func (c verifyCommand) run(ctx context.Context, s streams, log *eventlog.Log, cfg proof.VerifyConfig) (proof.Report, error) {
	ranges, _, err := log.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return proof.Report{}, err
	}
	total := int64(0)
	for _, r := range ranges {
		total += r.End - r.Start
	}
	bar := newProgress(s.Err, "verify", int(total))
	var mu sync.Mutex
	cfg.Source = log
	cfg.Now = time.Now() // not before tables were waited for: what is signed meanwhile would be ahead of that
	cfg.Progress = func(n int) {
		mu.Lock()
		defer mu.Unlock()
		bar.add(n)
	}
	report, err := proof.Verify(ctx, cfg)
	bar.end()
	return report, err
}

// bundle verifies a bundle.
func (c verifyCommand) bundle(ctx context.Context, s streams) error {
	known, err := c.forBundle(c.Bundle, c.TrustBundleKey)
	if err != nil {
		return err
	}
	file, err := os.Open(c.Bundle)
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	defer file.Close()
	report, err := proof.VerifyBundle(cutReader{ctx, file}, known)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(s.Out).Encode(report)
	} else {
		printBundleReport(s.Out, report)
	}
	if err == nil && !report.OK() {
		err = errBundleFindings
	}
	return err
}

func printReport(out io.Writer, r proof.Report, took time.Duration) {
	for _, f := range r.Findings { // records and tables have a say in it
		fmt.Fprintln(out, plain(f.String()))
	}
	for _, text := range r.Notes {
		fmt.Fprintln(out, "note:", plain(text))
	}
	verdict := r.Proven()
	if !r.OK() {
		verdict = fmt.Sprintf("Findings: %d.", len(r.Findings))
	}
	fmt.Fprintf(out, "%s\n%d records read (%d effective, %d lost races), %d agencies verified; "+
		"%d checkpoints hold and cover %d records; %d records compared with the tables, %d changes with what they were decided on; %.1f s, %.0f records/s.\n",
		verdict, r.Records, r.Effective, r.Stale, r.Agencies, r.Checkpoints, r.Covered, r.Compared, r.Decisions, took.Seconds(), float64(r.Records)/took.Seconds())
}

func printBundleReport(out io.Writer, r proof.BundleReport) {
	for _, f := range r.Findings {
		fmt.Fprintln(out, plain(f.String()))
	}
	if !r.OK() {
		return
	}
	fmt.Fprintln(out, r.Proven())
	fmt.Fprintf(out, "It is signed with the key %s.\n", r.PublicKey)
}
