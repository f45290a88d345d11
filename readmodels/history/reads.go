package history

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// AuditReadEntry is one read or export of an agency's history.
type AuditReadEntry struct {
	Time time.Time `json:"time"` // when it happened, UTC
	// type of the record
	Type  string `json:"type" words:"audit.read.v1 audit.exported.v1"`
	Actor Named  `json:"actor"` // who made the change or request
	Role  string `json:"role"`  // the role that allowed the action
	// Id that the service assigned to the request; also in the X-Request-Id header of its response.
	RequestID string          `json:"request_id"`
	EventID   string          `json:"event_id"` // id of the event in the log
	Read      json.RawMessage `json:"read"`     // the request: the payload of the event
	Names     []Named         `json:"names"`    // the people and accounts whose ids are in `read`
}

// AuditReadsMeta describes a page of reads.
type AuditReadsMeta struct {
	readmodels.TrailMeta

	// always false: names come from the current directory, ids from the log
	NamesProven bool `json:"names_proven"`
}

// Reads returns a page of the reads and exports by Actor in [From, To), newest first.
func (h *History) Reads(
	ctx context.Context, q Query,
) (entries []AuditReadEntry, meta AuditReadsMeta, err error) {
	entries, meta.ListMeta, err = readmodels.PageQuery[AuditReadEntry, readmodels.TrailKey]{
		List: "reads of the audit trail", Scope: readmodels.Scope{ParentAccount: q.ParentAccount},
		Page: readmodels.Page{Limit: q.Limit, Cursor: q.Cursor}, Filters: []any{q.Actor, q.From, q.To},
		Select: func(after readmodels.TrailKey, limit int) (string, []any) {
			return `
				select h.time, h.event_type, h.actor, ` + nameOf("h.actor") + `, h.role, h.request_id, h.event_id, h.data,
				       (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'name', m.name)), '[]') from (values
				           (h.data ->> 'dashboard', ` + accountNameOf("h.data ->> 'dashboard'") + `),
				           (h.data #>> '{filter,account}', ` + accountNameOf("h.data #>> '{filter,account}'") + `),
				           (h.data #>> '{filter,actor}', ` + nameOf("h.data #>> '{filter,actor}'") + `),
				           (h.data #>> '{filter,user}', ` + nameOf("h.data #>> '{filter,user}'") + `)) m(id, name)
				        where m.id <> '')
				from operations_trail h
				where h.parent_account = @parent and starts_with(h.event_type, @prefix)
				  and (@actor = '' or h.actor = @actor or ` + readmodels.Named(nameOf("h.actor"), "@called") + `)
				  and h.time >= @from and (@open or h.time < @to)
				  and (@first or (h.time, h.event_id) < (@time, @id))
				order by h.time desc, h.event_id desc limit @limit`,
				[]any{pgx.NamedArgs{
					"parent": q.ParentAccount, "prefix": domain.AuditTypePrefix, "actor": q.Actor,
					"called": readmodels.Containing(q.Actor), "from": q.From.Time, "to": q.To.Time, "open": q.To.IsZero(),
					"first": after == readmodels.TrailKey{}, "time": after.Time, "id": after.EventID, "limit": limit,
				}}
		},
		Scan: func(row pgx.CollectableRow) (e AuditReadEntry, err error) {
			return e, row.Scan(&e.Time, &e.Type, &e.Actor.ID, &e.Actor.Name, &e.Role, &e.RequestID, &e.EventID, &e.Read, &e.Names)
		},
		Key: func(e AuditReadEntry) readmodels.TrailKey {
			return readmodels.TrailKey{Time: e.Time.UTC(), EventID: e.EventID}
		},
	}.Read(ctx, h.Pool)
	if err != nil {
		return nil, meta, err
	}
	meta.Incomplete, err = readmodels.IncompleteTrail(ctx, h.Pool, "views", q.ParentAccount, domain.AuditTypePrefix)
	return entries, meta, err
}
