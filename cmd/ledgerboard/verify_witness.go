package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// compare verifies the log with what the tables of dashboards remember of it, and then these tables against the log.
func (c verifyCommand) compare(ctx context.Context, s streams, parts *assembly.Parts, cfg proof.VerifyConfig) (report proof.Report, err error) {
	engines, err := parts.Engines(ctx, projectors.Dashboards{}.Name())
	if err != nil {
		return report, explainInUse(err)
	}
	log, err := parts.Log(ctx)
	if err != nil {
		return report, err
	}
	waited, err := c.awaitTables(ctx, s, log, engines[0])
	if err != nil {
		return report, err
	}
	alone := func() (proof.Report, error) { // the log is verified all the same
		report, err := c.run(ctx, s, log, cfg)
		report.Findings = append(report.Findings, *waited.found)
		return report, err
	}
	if waited.none {
		return alone()
	}
	tables, err := parts.Tables(ctx)
	if err != nil {
		return report, explainInUse(err)
	}
	err = pg.Snapshot(ctx, tables, func(tx pgx.Tx) error {
		cfg.Witness = verifyWitness{tx}
		report, err = c.run(ctx, s, log, cfg)
		return err
	})
	if waited.found != nil && errors.Is(err, errNoPositions) {
		cfg.Witness = nil
		return alone()
	}
	if err != nil {
		return report, err
	}
	if waited.found != nil {
		report.Findings = append(report.Findings, *waited.found)
	}
	if waited.note != "" {
		report.Notes = append(report.Notes, waited.note)
	}
	var checked projections.Report
	if cfg.Parent == "" {
		checked, err = engines[0].CheckTables(ctx)
	} else {
		checked, err = engines[0].CheckAgency(ctx, cfg.Parent)
	}
	if otherLog(err) { // what was found of the log stands
		report.Findings = append(report.Findings, notThatFar(engines[0].Name(), err))
		return report, nil
	}
	if err != nil {
		return report, err
	}
	addTableFindings(&report, checked)
	if waited.made {
		found, err := stillMade(ctx, engines[0])
		if err != nil {
			return report, err
		}
		if found != nil {
			report.Findings = append(report.Findings, *found)
		}
	}
	return report, nil
}

// otherLog tells whether tables cannot be compared because the log does not hold what they folded.
func otherLog(err error) bool {
	return errors.Is(err, eventlog.ErrOtherLog) || errors.Is(err, eventlog.ErrBelowStart) || errors.Is(err, eventlog.ErrBeyondEnd) || errors.Is(err, eventlog.ErrGap)
}

// notThatFar is the finding that the log does not hold what tables say that they folded. It alone does not tell which of the two was changed.
func notThatFar(projection string, err error) proof.Finding {
	return proof.Finding{Kind: proof.KindTables, Differs: []string{"position"}, Detail: fmt.Sprintf(
		"the tables of %s have folded records that the log does not hold: either records were removed from it, or these tables are of another log, or "+
			"somebody set them forward. They were compared with nothing (%s)", projection, err)}
}

// addTableFindings adds what differs in the tables, unless a finding of the log says already why the agency's tables differ.
func addTableFindings(report *proof.Report, checked projections.Report) {
	altered := map[string]bool{}
	for _, f := range report.Findings {
		altered[f.Agency] = altered[f.Agency] || f.Kind != proof.KindDecided // the log is whole there, and gives what the tables must hold
	}
	for _, t := range checked.Tables {
		d := t.FirstDifference
		switch {
		case t.Equal:
		case d == nil:
			report.Findings = append(report.Findings, proof.Finding{Kind: proof.KindTables, Differs: []string{t.Name}, Detail: t.Note})
		case altered[d.Tenant]:
			report.Notes = append(report.Notes, fmt.Sprintf("%s of %d agencies is not what the log gives now, of agency %s too",
				t.Name, t.TenantsDiffering, d.Tenant))
		default:
			report.Findings = append(report.Findings, tableFinding(t, *d))
		}
	}
	if p := checked.Parked.FirstDifference; p != nil && !altered[p.Key] {
		report.Findings = append(report.Findings, proof.Finding{
			Kind: proof.KindTables, Agency: p.Key, Partition: &p.Partition, Offset: &p.Offset, Differs: []string{"parked"},
			Detail: parkedFinding(*p, checked.Parked.In),
		})
	}
	if n := checked.Parked.Rows; n > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("the tables set %d records aside (parked, or skipped by an operator); all others are compared", n))
	}
}

func parkedFinding(p projections.ParkedAt, in string) string {
	if in == "table" {
		return fmt.Sprintf("the tables set this record aside (%s, %s), and verify can fold it: it is hidden from whoever reads the tables. "+
			"'ledgerboard parked retry dashboards' folds it", p.State, p.Reason)
	}
	return fmt.Sprintf("verify cannot fold this record (%s, %s), and the tables do not say that it is set aside", p.State, p.Reason)
}

func tableFinding(t projections.TableReport, d projections.Difference) proof.Finding {
	f := proof.Finding{Kind: proof.KindTables, Agency: d.Tenant, More: int64(t.TenantsDiffering - 1)}
	f.Version, _ = strconv.ParseInt(d.Key["version"], 10, 64) // 0: the row is of no one version
	switch d.In {
	case "log":
		f.Differs, f.Detail = []string{t.Name}, "the table lacks the row "+keyLine(d.Key)
	case "table":
		f.Differs, f.Detail = []string{t.Name}, "the log gives no row "+keyLine(d.Key)
	default:
		f.Differs = d.Columns
		f.Detail = t.Name + ": the row " + keyLine(d.Key) + " was altered"
	}
	return f
}

// verifyWitness reads what the tables of projection dashboards remember, in one transaction.
type verifyWitness struct{ tx pgx.Tx }

var _ proof.Witness = verifyWitness{}

// list runs a query and scans each row into targets.
func (t verifyWitness) list(ctx context.Context, what, sql string, args, targets []any, row func() error) error {
	rows, err := t.tx.Query(ctx, sql, args...)
	if err == nil {
		_, err = pgx.ForEachRow(rows, targets, row)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

// generationRead is the generation whose tables this connection reads: others may be live beside it.
const generationRead = `(
	select substring(n.nspname from '_g(\d+)$')::int from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.oid = to_regclass('dashboard_heads'))`

// errNoPositions says that no tables stand anywhere in the log.
var errNoPositions = errors.New("the tables are not live (never started, or being rebuilt): verify again later, or with --log-only")

// Positions implements [proof.Witness].
func (t verifyWitness) Positions(ctx context.Context) (map[int32]int64, error) {
	positions := map[int32]int64{}
	var partition int32
	var next int64
	err := t.list(ctx, "checkpoint of the tables", `
		select partition, next_offset from checkpoints where projection = $1 and generation = `+generationRead,
		[]any{projectors.Dashboards{}.Name()}, []any{&partition, &next}, func() error {
			positions[partition] = next
			return nil
		})
	if err == nil && len(positions) == 0 {
		err = errNoPositions
	}
	return positions, err
}

// Heads implements [proof.Witness].
func (t verifyWitness) Heads(ctx context.Context, parent string, yield func(proof.TableHead) error) error {
	var h proof.TableHead
	return t.list(ctx, "heads", `
		select parent_account, version, hash from dashboard_heads where $1 = '' or parent_account = $1`,
		[]any{parent}, []any{&h.Parent, &h.Version, &h.Hash}, func() error { return yield(h) })
}

// Records implements [proof.Witness].
func (t verifyWitness) Records(ctx context.Context, parent string, yield func(proof.Remembered) error) error {
	var r proof.Remembered
	targets := []any{
		&r.Parent, &r.Version, &r.EventID, &r.EventType, &r.Time, &r.Actor, &r.Role, &r.OnBehalfOf, &r.CommandID, &r.RequestID, &r.Hash,
	}
	return t.list(ctx, "history", `
		select parent_account, version, event_id, event_type, time, actor, role, on_behalf_of, command_id, request_id, hash
		from dashboard_history where $1 = '' or parent_account = $1 order by parent_account, version`,
		[]any{parent}, targets, func() error { return yield(r) })
}
