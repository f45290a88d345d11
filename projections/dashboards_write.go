package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

type historyRow struct {
	event  domain.Recorded
	made   domain.StreamHead
	sub    string
	before []byte
	after  []byte
}

// historyOf makes a row for each dashboard that the record changed.
func historyOf(ev Event, made domain.StreamHead, revisions []domain.DashboardRevision) ([]historyRow, error) {
	rows := make([]historyRow, len(revisions))
	for i, r := range revisions {
		after, err := json.Marshal(r.After)
		if err != nil {
			return nil, fmt.Errorf("encode dashboard: %w", err)
		}
		rows[i] = historyRow{event: ev.Recorded, made: made, sub: r.After.SubAccountID, after: after}
		if r.Before == nil {
			continue
		}
		if rows[i].before, err = json.Marshal(r.Before); err != nil {
			return nil, fmt.Errorf("encode dashboard: %w", err)
		}
	}
	return rows, nil
}

type commandRow struct {
	parent, subject, key, commandID, digest, sub string
	version                                      int64
	time                                         time.Time
}

// newCommandRow remembers who sent the command under which key; a command without a key is
// remembered under its own id, by which the writer finds out whether the record was its own.
func newCommandRow(ev Event, made domain.StreamHead, primary string) commandRow {
	audit := ev.Envelope.Audit
	row := commandRow{
		parent: ev.Key, subject: audit.Actor, key: audit.IdempotencyKey, commandID: audit.CommandID,
		digest: audit.RequestDigest, sub: primary, version: made.Version, time: ev.Envelope.Time,
	}
	if row.key == "" {
		row.key = row.commandID
	}
	if row.key == "" {
		row.key = ev.Envelope.ID
	}
	return row
}

func (r commandRow) scope() string { return r.parent + "\x00" + r.subject + "\x00" + r.key }

type noticeRow struct {
	parent  string
	version int64
	user    string
	time    time.Time
}

type headRow struct {
	parent string
	head   domain.StreamHead
}

var headsTable = newTable("dashboard_heads", replaceAll("parent_account", "version", "hash", "time"),
	col("parent_account", "text", func(r *headRow) string { return r.parent }),
	col("version", "bigint", func(r *headRow) int64 { return r.head.Version }),
	col("hash", "bytea", func(r *headRow) []byte { return r.head.Hash[:] }),
	col("time", "timestamptz", func(r *headRow) time.Time { return r.head.Time }),
)

var preferencesTable = newTable("dashboard_preferences",
	// document_id and created_at too: an imported dashboard takes the place of one that was only opened.
	replaceAll("parent_account, sub_account_id", "document_id", "created_at", "sub_account_ids", "users", "main_poc", "allow_client_dashboard", "scopes", "updated_at", "version"),
	col("parent_account", "text", func(d *domain.Dashboard) string { return d.ParentAccount }),
	col("sub_account_id", "text", func(d *domain.Dashboard) string { return d.SubAccountID }),
	col("document_id", "text", func(d *domain.Dashboard) string { return d.DocumentID }),
	listCol("sub_account_ids", func(d *domain.Dashboard) []string { return d.SubAccountIDs }),
	listCol("users", func(d *domain.Dashboard) []string { return d.Users }),
	listCol("main_poc", func(d *domain.Dashboard) []string { return d.MainPOC }),
	col("allow_client_dashboard", "boolean", func(d *domain.Dashboard) bool { return d.AllowClientDashboard }),
	listCol("scopes", func(d *domain.Dashboard) []string { return d.Scopes }),
	col("created_at", "timestamptz", func(d *domain.Dashboard) time.Time { return d.CreatedAt }),
	col("updated_at", "timestamptz", func(d *domain.Dashboard) time.Time { return d.UpdatedAt }),
	col("version", "bigint", func(d *domain.Dashboard) int64 { return d.Version }),
)

var historyTable = newTable("dashboard_history", "",
	col("parent_account", "text", func(r *historyRow) string { return r.event.Key }),
	col("sub_account_id", "text", func(r *historyRow) string { return r.sub }),
	col("version", "bigint", func(r *historyRow) int64 { return r.made.Version }),
	col("event_id", "text", func(r *historyRow) string { return r.event.Envelope.ID }),
	col("event_type", "text", func(r *historyRow) string { return r.event.Envelope.Type }),
	col("time", "timestamptz", func(r *historyRow) time.Time { return r.event.Envelope.Time }),
	col("actor", "text", func(r *historyRow) string { return r.event.Envelope.Audit.Actor }),
	col("role", "text", func(r *historyRow) string { return r.event.Envelope.Audit.Role }),
	col("on_behalf_of", "text", func(r *historyRow) string { return r.event.Envelope.Audit.OnBehalfOf }),
	col("command_id", "text", func(r *historyRow) string { return r.event.Envelope.Audit.CommandID }),
	col("request_id", "text", func(r *historyRow) string { return r.event.Envelope.Audit.RequestID }),
	col("hash", "bytea", func(r *historyRow) []byte { return r.made.Hash[:] }),
	jsonCol("before", func(r *historyRow) []byte { return r.before }),
	jsonCol("after", func(r *historyRow) []byte { return r.after }),
)

var commandsTable = newTable("dashboard_commands",
	replaceAll("parent_account, subject, idempotency_key", "command_id", "request_digest", "sub_account_id", "version", "time"),
	col("parent_account", "text", func(r *commandRow) string { return r.parent }),
	col("subject", "text", func(r *commandRow) string { return r.subject }),
	col("idempotency_key", "text", func(r *commandRow) string { return r.key }),
	col("command_id", "text", func(r *commandRow) string { return r.commandID }),
	col("request_digest", "text", func(r *commandRow) string { return r.digest }),
	col("sub_account_id", "text", func(r *commandRow) string { return r.sub }),
	col("version", "bigint", func(r *commandRow) int64 { return r.version }),
	col("time", "timestamptz", func(r *commandRow) time.Time { return r.time }),
)

var noticesTable = newTable("access_notices", "",
	col("parent_account", "text", func(r *noticeRow) string { return r.parent }),
	col("version", "bigint", func(r *noticeRow) int64 { return r.version }),
	col("user_id", "text", func(r *noticeRow) string { return r.user }),
	col("time", "timestamptz", func(r *noticeRow) time.Time { return r.time }),
)

// Write implements [Fold].
func (f *dashboardsFold) Write(ctx context.Context, tx pgx.Tx) error {
	var heads []headRow
	var dashboards []domain.Dashboard
	var parents []string
	var forget []time.Time
	for _, parent := range slices.Sorted(maps.Keys(f.streams)) {
		s := f.streams[parent]
		if s.moved {
			heads = append(heads, headRow{parent, s.head})
		}
		if s.head.Version > 0 { // also when parked records are folded again, long after their time
			parents, forget = append(parents, parent), append(forget, s.head.Time.Add(-domain.CommandMemory))
		}
		for _, sub := range slices.Sorted(maps.Keys(s.changed)) {
			dashboards = append(dashboards, s.dashboards[sub])
		}
	}
	var batch pgx.Batch
	// What a command has waited to see, the next decision must see, also after a crash of PostgreSQL: a
	// change that changes nothing leaves no record by which a look at older tables would be found out.
	batch.Queue(`set local synchronous_commit to on`)
	headsTable.queue(&batch, heads)
	preferencesTable.queue(&batch, dashboards)
	historyTable.queue(&batch, f.history)
	commandsTable.queue(&batch, slices.Collect(maps.Values(f.commands)))
	noticesTable.queue(&batch, f.notices)
	if len(parents) > 0 {
		// Forgetting goes by record time, so that a rebuild forgets the same commands.
		batch.Queue(`
			delete from dashboard_commands c using unnest($1::text[], $2::timestamptz[]) as f(parent_account, before)
			where c.parent_account = f.parent_account and c.time < f.before`, parents, forget)
	}
	if err := send(ctx, tx, &batch); err != nil {
		return fmt.Errorf("store dashboards: %w", err)
	}
	return nil
}

// jsonList encodes a list as a JSON array; nil as an empty one.
func jsonList(list []string) string {
	if len(list) == 0 {
		return "[]"
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return "[]" // strings always encode
	}
	return string(raw)
}
