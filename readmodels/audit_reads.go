package readmodels

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// AuditReadEntry is one reading or export.
type AuditReadEntry struct {
	Time      time.Time       `json:"time"`
	Type      string          `json:"type"` // audit.read.v1, audit.exported.v1
	Actor     Named           `json:"actor"`
	Role      string          `json:"role"`
	RequestID string          `json:"request_id"`
	EventID   string          `json:"event_id"`
	Read      json.RawMessage `json:"read"` // what was asked for: the event's payload

	key auditReadKey
}

// AuditReadsMeta stands beside readings.
type AuditReadsMeta struct {
	ListMeta

	NamesProven bool `json:"names_proven"` // always false: names are the directory's word of today, beside ids of the log
}

// auditReadKey is the place of a reading in its list.
type auditReadKey struct {
	Time    time.Time `json:"t"`
	EventID string    `json:"i"`
}

// AuditReadsQuery asks for a page, newest first.
type AuditReadsQuery struct {
	ParentAccount string
	Actor         string // "": everybody
	From, To      *time.Time
	Limit         int
	Cursor        string
}

// Reads answers who read or exported the audit trail, from the trail of operations: a page, and the cursor of the next
// one, "" on the last. A malformed cursor gives an error with the code invalid.
func (h *History) Reads(ctx context.Context, q AuditReadsQuery) (entries []AuditReadEntry, next string, err error) {
	entries, meta, err := PageQuery[AuditReadEntry, auditReadKey]{
		List: "reads of the audit trail", Scope: Scope{ParentAccount: q.ParentAccount}, Page: Page{q.Limit, q.Cursor},
		Filters: []any{q.Actor, q.From, q.To},
		Select: func(after auditReadKey, limit int) (string, []any) {
			return `
				select t.time, t.event_type, t.actor, u.name, t.role, t.request_id, t.event_id, t.data
				from operations_trail t
				left join (users u join accounts a on a.id = u.account_id and (a.id = @parent or a.parent_account = @parent)) on u.id = t.actor
				where t.parent_account = @parent and starts_with(t.event_type, @prefix) and (@actor = '' or t.actor = @actor or u.name ilike @called)
				  and (@from::timestamptz is null or t.time >= @from) and (@to::timestamptz is null or t.time < @to)
				  and (@first or (t.time, t.event_id) < (@time, @id))
				order by t.time desc, t.event_id desc limit @limit`,
				[]any{pgx.NamedArgs{
					"parent": q.ParentAccount, "prefix": domain.AuditTypePrefix, "actor": q.Actor, "called": containing(q.Actor), "from": q.From, "to": q.To,
					"first": after == auditReadKey{}, "time": after.Time, "id": after.EventID, "limit": limit,
				}}
		},
		Scan: func(row pgx.CollectableRow) (e AuditReadEntry, err error) {
			err = row.Scan(&e.Time, &e.Type, &e.Actor.ID, &e.Actor.Name, &e.Role, &e.RequestID, &e.EventID, &e.Read)
			e.key = auditReadKey{e.Time.UTC(), e.EventID}
			return e, err
		},
		Key: func(e AuditReadEntry) auditReadKey { return e.key },
	}.Read(ctx, h.Pool)
	return entries, meta.NextCursor, err
}
