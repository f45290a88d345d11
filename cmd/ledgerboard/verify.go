package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
)

type bundleTrust struct {
	TrustBundleKey bool `help:"With --bundle and without --key: verify with the key that the bundle names. This shows whether the bundle is complete, but not who signed it."`
}

type verifyCommand struct {
	installation
	evidence
	Parent string `xor:"what" required:"" type:"hexid" help:"Verify the log and report on the agency with this id, 24 hex digits."`
	All    bool   `xor:"what" required:"" help:"Verify the log and report on all agencies."`
	Bundle string `xor:"what" required:"" type:"existingfile" placeholder:"FILE" help:"Verify a proof bundle. Requires --key or --trust-bundle-key, but neither log nor database."`
	bundleTrust
	Tables bool   `xor:"what" required:"" help:"Fold the log into temporary tables and compare the tables of all projections with them, row by row."`
	Kept   string `type:"existingfile" placeholder:"FILE" help:"With --all, --parent or --bundle: an older bundle, or signed checkpoints as 'ledgerboard checkpoints' prints them, that you saved. They reveal a log that was replaced together with its checkpoints."`
	JSON   bool   `help:"Print the report as a JSON object."`
}

// Errors of a verification that found faults. Their exit code lets scheduled runs distinguish findings
// from an unreachable broker.
var (
	errFindings       = exitError{"the log is not valid: see the findings", exitFindings}
	errTableFindings  = exitError{"tables differ from the log: see the report; a rebuild replaces the tables", exitFindings}
	errBundleFindings = exitError{"the bundle is not valid: see the findings", exitFindings}
)

func (v verifyCommand) Run(ctx context.Context, std streams) error {
	run := v.log
	switch {
	case v.Kept != "" && v.Tables:
		return usageError{errors.New("--kept does not work with --tables: nothing was verified")}
	case v.TrustBundleKey && v.Bundle == "":
		return usageError{errors.New("--trust-bundle-key works only with --bundle: nothing was verified")}
	case v.Bundle != "":
		run = v.bundle
	case v.Tables:
		run = v.tables
	}
	return interruptedError(ctx, run(ctx, std), "the verification is incomplete; run it again")
}

func (v verifyCommand) log(ctx context.Context, std streams) (err error) {
	cfg := proof.VerifyConfig{Parent: v.Parent}
	if cfg.Verifiers, err = v.verifiers(v.storage); err != nil {
		return err
	}
	if cfg.Kept, err = readKept(ctx, v.Kept, cfg.Verifiers); err != nil {
		return err
	}
	started, report := time.Now(), proof.Report{}
	err = v.withExistingParts(std, func(parts *app.Parts) (err error) {
		report, err = v.readLog(ctx, std, parts, cfg)
		return err
	})
	if err != nil {
		return err
	}
	if cfg.Parent != "" && report.OK() && report.Agencies == 0 {
		return fmt.Errorf("the log contains no record of agency %s: nothing was verified; check --parent", cfg.Parent)
	}
	err = show(std.Out, v.JSON, report, func() { printReport(std.Out, report, time.Since(started)) })
	if err == nil && !report.OK() {
		err = errFindings
	}
	return err
}

func (v verifyCommand) readLog(
	ctx context.Context, std streams, parts *app.Parts, cfg proof.VerifyConfig,
) (report proof.Report, err error) {
	err = parts.OpenLog(ctx)
	if errors.Is(err, eventlog.ErrNoTopic) {
		return proof.Report{Agency: cfg.Parent, Findings: []proof.Finding{{Detail: noLog(err)}}}, nil
	}
	if err != nil {
		return report, err
	}
	ranges, _, err := parts.Log.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return report, err
	}
	total := int64(0)
	for _, r := range ranges {
		total += r.End - r.Start
	}
	bar := newProgress(std.Err, "verify", int(total))
	defer bar.end()
	var mu sync.Mutex
	cfg.Source = parts.Log
	cfg.Progress = func(n int) {
		mu.Lock()
		defer mu.Unlock()
		bar.add(n)
	}
	report, err = proof.Verify(ctx, cfg)
	return report, explainProof(err)
}

// noLog describes brokers that do not have the log. The command verify creates no missing topics,
// because an empty log would be valid.
func noLog(err error) string {
	return fmt.Sprintf("the brokers do not have the complete log. Either a topic was deleted, "+
		"or these are not the brokers of the service (%s)", err)
}

func (v verifyCommand) bundle(ctx context.Context, std streams) error {
	known, err := v.forBundle(v.Bundle, v.TrustBundleKey)
	if err != nil {
		return err
	}
	file, err := os.Open(v.Bundle)
	if err != nil {
		return fmt.Errorf("open bundle: %w", err)
	}
	defer file.Close()
	kept, err := readKept(ctx, v.Kept, known)
	if err != nil {
		return err
	}
	report, err := proof.VerifyBundle(contextReader{ctx, file}, known, kept)
	if err != nil {
		return err
	}
	err = show(std.Out, v.JSON, report, func() {
		for _, f := range report.Findings {
			fmt.Fprintln(std.Out, plain(f.String()))
		}
		if report.OK() {
			fmt.Fprintf(std.Out, "%s\nThe bundle is signed with the key %s.\n", report.Proven(), report.PublicKey)
		}
	})
	if err == nil && !report.OK() {
		err = errBundleFindings
	}
	return err
}

func printReport(out io.Writer, r proof.Report, took time.Duration) {
	for _, f := range r.Findings { // findings may contain text from records
		fmt.Fprintln(out, plain(f.String()))
	}
	verdict := r.Proven()
	if !r.OK() {
		verdict = fmt.Sprintf("Findings: %d.", len(r.Findings))
	}
	rate := float64(r.Records) / took.Seconds()
	fmt.Fprintf(out, "%s\n%d records read (%d effective, %d lost races, %d invalid), %d agencies verified; "+
		"%d valid checkpoints; %.1f s, %.0f records/s.\n",
		verdict, r.Records, r.Effective, r.Stale, r.Skipped, r.Agencies, r.Checkpoints, took.Seconds(), rate)
}

// tables checks every projection, even if one of them cannot be checked.
func (v verifyCommand) tables(ctx context.Context, std streams) error {
	if err := v.needLogAndTables(); err != nil {
		return err
	}
	return v.withExistingParts(std, func(parts *app.Parts) error { return v.allTables(ctx, std, parts) })
}

func (v verifyCommand) allTables(ctx context.Context, std streams, parts *app.Parts) error {
	engines, err := parts.Engines(ctx)
	if errors.Is(err, eventlog.ErrNoTopic) {
		report := projections.Report{At: time.Now().UTC(), Note: noLog(err)}
		return errors.Join(fmt.Errorf("%w: %s", errFindings, report.Note), v.printTables(std.Out, report))
	}
	if err != nil {
		return err
	}
	var wrong []error
	for _, engine := range engines {
		err := v.checkTables(ctx, std, engine)
		if err != nil && ctx.Err() != nil {
			return err
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

// checkTables compares the tables of a projection with the log up to the offsets that the tables
// have folded.
func (v verifyCommand) checkTables(ctx context.Context, std streams, engine *projections.Engine) error {
	status, err := engine.Status(ctx)
	if err != nil {
		return err
	}
	checked, err := engine.CheckTables(ctx)
	switch {
	case errors.Is(err, eventlog.ErrOtherLog), errors.Is(err, eventlog.ErrBelowStart),
		errors.Is(err, eventlog.ErrBeyondEnd), errors.Is(err, eventlog.ErrGap):
		report := projections.Report{At: time.Now().UTC(), Projection: engine.Name()}
		report.Note = fmt.Sprintf("the tables have folded records that are not in the log: "+
			"either records were removed from the log, or the tables belong to another log (%s)", err)
		differ := fmt.Errorf("%w: %s: %s", errTableFindings, report.Projection, report.Note)
		return errors.Join(differ, v.printTables(std.Out, report))
	case err != nil:
		return err
	}
	if status.Lag > 0 {
		checked.Behind = fmt.Sprintf("%d records of the log are not folded yet and were not compared", status.Lag)
	}
	err = v.printTables(std.Out, checked)
	if !checked.Equal {
		err = errors.Join(errTableFindings, err)
	}
	return err
}

func (v verifyCommand) printTables(out io.Writer, r projections.Report) error {
	if v.JSON {
		return json.NewEncoder(out).Encode(r)
	}
	if r.Note != "" {
		fmt.Fprintf(out, "%s: nothing was compared: %s\n", cmp.Or(r.Projection, "all projections"), r.Note)
		return nil
	}
	rows := int64(0)
	for _, t := range r.Tables {
		rows += t.Rows
	}
	verdict := "equal to the log"
	if !r.Equal {
		verdict = "DIFFERENT from the log"
	}
	fmt.Fprintf(out, "%s, generation %d: %d rows in %d tables, %s; %s\n",
		r.Projection, r.Generation, rows, len(r.Tables), verdict, r.Took)
	if r.Behind != "" {
		fmt.Fprintf(out, "  lag: %s\n", r.Behind)
	}
	for _, t := range r.Tables {
		if t.Equal {
			continue
		}
		fmt.Fprintf(out, "  %s: %d rows, %d expected from the log; %d agencies differ.\n",
			t.Name, t.Rows, t.RowsLog, t.TenantsDiffering)
		if d := t.FirstDifference; d != nil {
			what := map[string]string{
				"table": "the log does not produce this row", "log": "the row is missing in the table",
				"both": "differs in " + strings.Join(d.Columns, ", "),
			}[d.In]
			fmt.Fprintf(out, "    first: agency %q, %s, event %q: %s\n", d.Tenant, keyLine(d.Key), d.Event, what)
		}
	}
	return nil
}

func keyLine(key map[string]string) string {
	parts := make([]string, 0, len(key))
	for _, column := range slices.Sorted(maps.Keys(key)) {
		parts = append(parts, column+"="+plain(key[column]))
	}
	return strings.Join(parts, " ")
}
