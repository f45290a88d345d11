package projectors

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// historyRow is one dashboard after a record, or a skip.
type historyRow struct {
	event   *domain.Recorded // shared by the rows of a record
	head    domain.StreamHead
	after   domain.Dashboard // empty for a skip
	changed []string
	skip    []byte // payload of a skip, which has no dashboard
}

// changedMembers returns the members of the document that a record changed.
func changedMembers(d domain.DashboardDifference) []string {
	changed := []string{}
	for _, member := range []struct {
		name    string
		changed bool
	}{
		{"sub_account_ids", len(d.Linked)+len(d.Unlinked) > 0},
		{"users", len(d.UsersAdded)+len(d.UsersRemoved) > 0},
		{"main_poc", len(d.MainPOCAdded)+len(d.MainPOCRemoved) > 0},
		{"allow_client_dashboard", d.AllowClientChanged},
		{"scopes", len(d.ScopesAdded)+len(d.ScopesRemoved) > 0},
	} {
		if member.changed {
			changed = append(changed, member.name)
		}
	}
	return changed
}

type commandRow struct {
	parent, subject, key, commandID, digest, sub string
	version                                      int64
	time                                         time.Time
}

// newCommandRow returns the row of the command that appended a record. The process that appended
// the record recognizes it by the command id. Without an idempotency key, the key is the command id
// or, if that is missing too, the event id.
func newCommandRow(ev fold.Event, primary string) commandRow {
	audit := ev.Envelope.Audit
	// The strings are cloned because a rebuild keeps the row, and substrings would keep all headers
	// of the record in memory.
	row := commandRow{
		parent: ev.Key, subject: strings.Clone(audit.Actor), key: strings.Clone(audit.IdempotencyKey),
		commandID: strings.Clone(audit.CommandID), digest: strings.Clone(audit.RequestDigest),
		sub: primary, version: ev.Head.Version, time: ev.Envelope.Time,
	}
	row.key = cmp.Or(row.key, row.commandID, ev.Envelope.ID)
	return row
}

type commandScope struct{ parent, subject, key string }

func (c commandRow) scope() commandScope { return commandScope{c.parent, c.subject, c.key} }

type noticeRow struct {
	parent  string
	version int64
	time    time.Time
	notice  domain.Notice
}

const preferencesColumns = `parent_account text, sub_account_id text, document_id text, sub_account_ids text[],
	users text[], main_poc text[], allow_client_dashboard boolean, scopes text[], created_at timestamptz,
	updated_at timestamptz, version bigint`

func preferencesValues(d domain.Dashboard) []any {
	return []any{
		d.ParentAccount, d.SubAccountID, d.DocumentID, d.SubAccountIDs, d.Users, d.MainPOC,
		d.AllowClientDashboard, d.Scopes, d.CreatedAt, d.UpdatedAt, d.Version,
	}
}

var preferencesTable = write.NewTable("dashboard_preferences", preferencesColumns, write.Clause(""), preferencesValues)

// preferencesUpdate changes even document_id and created_at, because an imported dashboard replaces
// one that was created when it was opened. Lists that did not change are nil: 200 linked dashboards
// have 200 copies of a list.
var preferencesUpdate = write.NewUpdate("dashboard_preferences", preferencesColumns, "parent_account, sub_account_id",
	preferencesValues)

// changes returns a dashboard with nil instead of the lists that equal those in before.
func changes(before, after domain.Dashboard) domain.Dashboard {
	unlessEqual := func(before, after []string) []string {
		if slices.Equal(before, after) {
			return nil
		}
		return after
	}
	after.SubAccountIDs = unlessEqual(before.SubAccountIDs, after.SubAccountIDs)
	after.Users, after.MainPOC = unlessEqual(before.Users, after.Users), unlessEqual(before.MainPOC, after.MainPOC)
	after.Scopes = unlessEqual(before.Scopes, after.Scopes)
	return after
}

var historyTable = write.NewTable("dashboard_history",
	`parent_account text, sub_account_id text, version bigint, event_id text, event_type text, time timestamptz,
	 actor text, role text, on_behalf_of text, command_id text, request_id text,
	 hash bytea, document_id text, sub_account_ids text[], users_count bigint, main_poc text[],
	 allow_client_dashboard boolean, scopes text[], created_at timestamptz, updated_at timestamptz, changed text[],
	 skip jsonb`,
	write.Clause(""),
	func(r historyRow) []any {
		e, audit := r.event.Envelope, r.event.Envelope.Audit
		return []any{
			r.event.Key, r.after.SubAccountID, r.head.Version, e.ID, e.Type, e.Time,
			audit.Actor, audit.Role, audit.OnBehalfOf, audit.CommandID, audit.RequestID, r.head.Hash[:],
			orNil(r.after.DocumentID, r), r.after.SubAccountIDs, int64(len(r.after.Users)), r.after.MainPOC,
			orNil(r.after.AllowClientDashboard, r), r.after.Scopes, orNil(r.after.CreatedAt, r), orNil(r.after.UpdatedAt, r),
			r.changed, r.skip,
		}
	})

func orNil(value any, r historyRow) any {
	if r.skip != nil {
		return nil
	}
	return value
}

var commandsTable = write.NewTable("dashboard_commands",
	`parent_account text, subject text, idempotency_key text, command_id text, request_digest text, sub_account_id text,
	 version bigint, time timestamptz`,
	write.ReplaceRow("parent_account, subject, idempotency_key", ""),
	func(r commandRow) []any {
		return []any{r.parent, r.subject, r.key, r.commandID, r.digest, r.sub, r.version, r.time}
	})

var noticesTable = write.NewTable("access_notices",
	`parent_account text, version bigint, user_id text, time timestamptz, kind text, sub_account_ids text[]`,
	write.Clause(""),
	func(r noticeRow) []any {
		return []any{r.parent, r.version, r.notice.UserID, r.time, r.notice.Kind, r.notice.SubAccounts}
	})

// Write implements [fold.Fold]. History, notices and ended spans are final. Any later record may
// change the rows of the other tables.
func (d *dashboardsFold) Write(into write.Sink, last bool) error {
	maps.DeleteFunc(d.commands, func(_ commandScope, row commandRow) bool {
		return row.time.Before(d.streams[row.parent].forgets())
	})
	historyTable.Write(into, d.history)
	noticesTable.Write(into, d.notices)
	d.access.write(into, last)
	d.history, d.notices = nil, nil
	if !last {
		return nil
	}
	var created, changed []domain.Dashboard
	var parents []string
	var forget []time.Time
	for _, parent := range slices.Sorted(maps.Keys(d.streams)) {
		s := d.streams[parent]
		if !s.time.IsZero() {
			parents, forget = append(parents, parent), append(forget, s.forgets())
		}
		for _, sub := range slices.Sorted(maps.Keys(s.changed)) {
			if before, exists := s.stored[sub]; exists {
				changed = append(changed, changes(before, s.dashboards[sub]))
			} else {
				created = append(created, s.dashboards[sub])
			}
		}
	}
	preferencesTable.Write(into, created)
	preferencesUpdate.Write(into, changed)
	commandsTable.Write(into, slices.Collect(maps.Values(d.commands)))
	if len(parents) > 0 {
		into.Exec(`
			delete from dashboard_commands c using unnest($1::text[], $2::timestamptz[]) as f(parent_account, before)
			where c.parent_account = f.parent_account and c.time < f.before`, parents, forget)
	}
	return nil
}

// forgets returns the time before which the stream's commands are forgotten. It depends on the
// times of records, so a rebuild forgets the same commands.
func (s *stream) forgets() time.Time { return s.time.Add(-domain.CommandMemory) }
