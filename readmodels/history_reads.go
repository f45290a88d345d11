package readmodels

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// AuditReads answers who read or exported the audit trail, from the trail of operations.
type AuditReads struct{ Pool *pgxpool.Pool }

// AuditReadEntry is one reading or export.
type AuditReadEntry struct {
	Time      time.Time       `json:"time"`
	Type      string          `json:"type"` // audit.read.v1, audit.exported.v1
	Actor     Named           `json:"actor"`
	Role      string          `json:"role"`
	RequestID string          `json:"request_id"`
	EventID   string          `json:"event_id"`
	Read      json.RawMessage `json:"read"` // what was asked for: the event's payload

	cursor string
}

// AuditReadsQuery asks for a page, newest first.
type AuditReadsQuery struct {
	ParentAccount string
	Actor         string // "": everybody
	From, To      *time.Time
	Limit         int
	Cursor        string
}

// Reads returns a page of readings and the cursor of the next one, "" on the last. A malformed cursor
// gives an error with the code invalid.
func (a AuditReads) Reads(ctx context.Context, q AuditReadsQuery) (entries []AuditReadEntry, next string, err error) {
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
	if q.Cursor != "" {
		at, partition, offset, err := parseReadsCursor(q.Cursor)
		if err != nil {
			return nil, "", err
		}
		s.add(" and (time, partition, log_offset) < ($, $, $)", at, partition, offset)
	}
	s.add(" order by time desc, partition desc, log_offset desc limit $", q.Limit+1)
	err = pg.Snapshot(ctx, a.Pool, func(tx pgx.Tx) error {
		entries, err = auditReads(ctx, tx, q.ParentAccount, &s)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("read who read the audit trail of agency %s: %w", q.ParentAccount, err)
	}
	if len(entries) > q.Limit {
		entries = entries[:q.Limit]
		next = entries[q.Limit-1].cursor
	}
	return entries, next, nil
}

func auditReads(ctx context.Context, tx pgx.Tx, parent string, s *statement) ([]AuditReadEntry, error) {
	rows, _ := tx.Query(ctx, s.text.String(), s.args...)
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e AuditReadEntry, err error) {
		var partition int32
		var offset int64
		err = row.Scan(&e.Time, &partition, &offset, &e.Type, &e.Actor.ID, &e.Role, &e.RequestID, &e.EventID, &e.Read)
		e.cursor = fmt.Sprintf("%d.%d.%d", e.Time.UnixMicro(), partition, offset)
		return e, err
	})
	if err != nil {
		return nil, err
	}
	w := newWanted()
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

func parseReadsCursor(cursor string) (at time.Time, partition int32, offset int64, err error) {
	parts := strings.Split(cursor, ".")
	numbers := make([]int64, 3)
	for i := range numbers {
		if len(parts) == len(numbers) && err == nil {
			numbers[i], err = strconv.ParseInt(parts[i], 10, 64)
		}
	}
	const maxPartition, maxMicros = 1 << 30, 253_402_300_800_000_000 // the year 10000
	if err != nil || len(parts) != len(numbers) || numbers[0] < 0 || numbers[0] > maxMicros || numbers[1] < 0 || numbers[1] > maxPartition {
		return at, 0, 0, domain.NewError(domain.CodeInvalid, "The cursor is not one of a page before. Use next_cursor as it was given.").
			WithField("cursor", "is not a cursor: use next_cursor of the page before")
	}
	return time.UnixMicro(numbers[0]).UTC(), int32(numbers[1]), numbers[2], nil
}
