package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
)

// verifyTables reads the tables of projection dashboards in one transaction.
type verifyTables struct{ tx pgx.Tx }

var _ proof.Tables = verifyTables{}

// list runs a query whose first parameter is the agency, "" for all, and scans each row into targets.
func (t verifyTables) list(ctx context.Context, what, sql string, args, targets []any, row func() error) error {
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

// Positions implements [proof.Tables].
func (t verifyTables) Positions(ctx context.Context) (map[int32]int64, error) {
	positions := map[int32]int64{}
	var partition int32
	var next int64
	err := t.list(ctx, "checkpoint of the tables", `
		select partition, next_offset from checkpoints where projection = $1 and generation = `+generationRead,
		[]any{projections.Dashboards{}.Name()}, []any{&partition, &next}, func() error {
			positions[partition] = next
			return nil
		})
	if err == nil && len(positions) == 0 {
		err = errors.New("the tables are not live (never started, or being rebuilt): verify again later, or with --log-only")
	}
	return positions, err
}

// Parked implements [proof.Tables].
func (t verifyTables) Parked(ctx context.Context) (parked []proof.ParkedRow, err error) {
	var p proof.ParkedRow
	err = t.list(ctx, "parked events", `
		select stream_key, partition, log_offset, state = 'skipped' from parked
		where projection = $1 and generation = `+generationRead+` order by partition, log_offset`,
		[]any{projections.Dashboards{}.Name()}, []any{&p.Parent, &p.Partition, &p.Offset, &p.Skipped}, func() error {
			parked = append(parked, p)
			return nil
		})
	return parked, err
}

// Commands implements [proof.Tables].
func (t verifyTables) Commands(ctx context.Context, parent string, yield func(proof.CommandRow) error) error {
	var c proof.CommandRow
	return t.list(ctx, "commands", `
		select parent_account, subject, idempotency_key, command_id, request_digest, sub_account_id, version, time
		from dashboard_commands
		where $1 = '' or parent_account = $1 order by parent_account, version`,
		[]any{parent}, []any{&c.Parent, &c.Subject, &c.Key, &c.CommandID, &c.RequestDigest, &c.SubAccount, &c.Version, &c.Time},
		func() error { return yield(c) })
}

// Heads implements [proof.Tables].
func (t verifyTables) Heads(ctx context.Context, parent string, yield func(proof.TableHead) error) error {
	var h proof.TableHead
	return t.list(ctx, "heads", `
		select parent_account, version, hash, time from dashboard_heads
		where $1 = '' or parent_account = $1 order by parent_account`,
		[]any{parent}, []any{&h.Parent, &h.Version, &h.Hash, &h.Time}, func() error { return yield(h) })
}

// History implements [proof.Tables].
func (t verifyTables) History(ctx context.Context, parent string, from, to int64, yield func(proof.HistoryRow) error) error {
	var r proof.HistoryRow
	var before, after []byte
	docs := documents{}
	targets := []any{
		&r.Parent, &r.SubAccount, &r.Version, &r.EventID, &r.EventType, &r.Time, &r.Actor, &r.Role,
		&r.OnBehalfOf, &r.CommandID, &r.RequestID, &r.Hash, &before, &after,
	}
	return t.list(ctx, "history", `
		select parent_account, sub_account_id, version, event_id, event_type, time, actor, role,
		       on_behalf_of, command_id, request_id, hash, before, after
		from dashboard_history
		where ($1 = '' or parent_account = $1) and version between $2 and $3
		order by parent_account, version, sub_account_id`,
		[]any{parent, from, to}, targets, func() error {
			if r.Parent != docs.parent {
				docs = documents{parent: r.Parent, last: map[string]document{}}
			}
			r.Before = nil
			if before != nil {
				r.Before = &docs.read(r.SubAccount, before).Dashboard
			}
			r.After = docs.read(r.SubAccount, after).Dashboard
			return yield(r)
		})
}

// document is a decoded one and its bytes.
type document struct {
	raw []byte
	domain.Dashboard
}

// documents remembers the last one of each dashboard of an agency: what stands before a change is nearly
// always what stood after the last, byte for byte.
type documents struct {
	parent string
	last   map[string]document
}

func (d documents) read(sub string, raw []byte) *document {
	if last := d.last[sub]; last.raw != nil && bytes.Equal(last.raw, raw) {
		return &last
	}
	doc := document{raw: bytes.Clone(raw)}
	if err := strictly(raw, &doc.Dashboard); err != nil {
		doc.Dashboard = domain.Dashboard{DocumentID: err.Error()} // it is another document than any
	}
	d.last[sub] = doc
	return &doc
}

// strictly refuses fields that the log never wrote.
func strictly(raw []byte, d *domain.Dashboard) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		return fmt.Errorf("decode document: %w", err)
	}
	return nil
}

// Preferences implements [proof.Tables].
func (t verifyTables) Preferences(ctx context.Context, parent string, yield func(domain.Dashboard) error) error {
	var d domain.Dashboard
	targets := []any{
		&d.DocumentID, &d.SubAccountID, &d.ParentAccount, &d.SubAccountIDs, &d.Users, &d.MainPOC,
		&d.AllowClientDashboard, &d.Scopes, &d.CreatedAt, &d.UpdatedAt, &d.Version,
	}
	return t.list(ctx, "preferences", `
		select document_id, sub_account_id, parent_account, sub_account_ids, users, main_poc,
		       allow_client_dashboard, scopes, created_at, updated_at, version
		from dashboard_preferences
		where $1 = '' or parent_account = $1 order by parent_account, sub_account_id`,
		[]any{parent}, targets, func() error {
			d.ID = d.DocumentID
			err := yield(d)
			d.SubAccountIDs, d.Users, d.MainPOC, d.Scopes = nil, nil, nil, nil // the next row gets lists of its own
			return err
		})
}

// Notices implements [proof.Tables].
func (t verifyTables) Notices(ctx context.Context, parent string, yield func(proof.NoticeRow) error) error {
	var n proof.NoticeRow
	return t.list(ctx, "notices", `
		select parent_account, version, user_id, time from access_notices
		where $1 = '' or parent_account = $1 order by parent_account, version, user_id`,
		[]any{parent}, []any{&n.Parent, &n.Version, &n.User, &n.Time}, func() error { return yield(n) })
}
