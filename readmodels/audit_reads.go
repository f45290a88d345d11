package readmodels

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
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

// auditReadKey is the place of a reading in its list.
type auditReadKey struct {
	Time      time.Time `json:"t"`
	Partition int32     `json:"p"`
	Offset    int64     `json:"o"`
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
	cursors := CursorScope{"reads of the audit trail", Scope{ParentAccount: q.ParentAccount}, []any{q.Actor, q.From, q.To}}
	after, err := DecodeCursor[auditReadKey](q.Cursor, cursors)
	if err != nil {
		return nil, "", err
	}
	var s statement
	s.add(`select time, partition, log_offset, event_type, actor, role, request_id, event_id, data
		from operations_trail where parent_account = $ and starts_with(event_type, $)`, q.ParentAccount, domain.AuditTypePrefix)
	if q.Actor != "" {
		s.add(" and actor = $", q.Actor)
	}
	if q.From != nil {
		s.add(" and time >= $", *q.From)
	}
	if q.To != nil {
		s.add(" and time < $", *q.To)
	}
	if after != nil {
		s.add(" and (time, partition, log_offset) < ($, $, $)", after.Time, after.Partition, after.Offset)
	}
	s.add(" order by time desc, partition desc, log_offset desc limit $", q.Limit+1)
	err = pg.Snapshot(ctx, h.Pool, func(tx pgx.Tx) error {
		entries, err = auditReads(ctx, tx, q.ParentAccount, &s)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read who read the audit trail of agency %s: %w", q.ParentAccount, err)
	}
	return CutPage(entries, q.Limit, cursors, func(e AuditReadEntry) auditReadKey { return e.key })
}

func auditReads(ctx context.Context, tx pgx.Tx, parent string, s *statement) ([]AuditReadEntry, error) {
	rows, _ := tx.Query(ctx, s.text.String(), s.args...)
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e AuditReadEntry, err error) {
		err = row.Scan(&e.Time, &e.key.Partition, &e.key.Offset, &e.Type, &e.Actor.ID, &e.Role, &e.RequestID, &e.EventID, &e.Read)
		e.key.Time = e.Time.UTC()
		return e, err
	})
	if err != nil {
		return nil, err
	}
	w := newNameLookup()
	for _, e := range entries {
		w.users(e.Actor.ID)
	}
	n, err := w.read(ctx, tx, parent)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].Actor = n.user(entries[i].Actor.ID)
	}
	return entries, nil
}
