package readmodels

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// OperatorActions answers what operators did and what came of it, from the trail of operations: a page, newest first, and
// the cursor of the next one, "" on the last. A malformed cursor gives an error with the code invalid.
func OperatorActions(ctx context.Context, pool *pgxpool.Pool, page Page) (actions []operator.Action, next string, err error) {
	actions, meta, err := PageQuery[operator.Action, auditReadKey]{
		List: "actions of operators", Page: page,
		// The types stand in the statement itself: the indexes are of them alone.
		Select: func(after auditReadKey, limit int) (string, []any) {
			return `
				select t.time, t.event_id, t.actor, t.role, t.request_id, t.data, o.time, o.data
				from operations_trail t
				left join lateral (
					select time, data from operations_trail o
					where o.event_type = 'operations.operator_finished.v1' and o.data ->> 'of' = t.event_id
					order by o.time, o.event_id limit 1) o on true
				where t.event_type = 'operations.operator_acted.v1'
				  and (@first or (t.time, t.event_id) < (@time, @id))
				order by t.time desc, t.event_id desc limit @limit`,
				[]any{pgx.NamedArgs{
					"first": after == auditReadKey{}, "time": after.Time, "id": after.EventID, "limit": limit,
				}}
		},
		Scan: scanOperatorAction,
		Key:  func(a operator.Action) auditReadKey { return auditReadKey{a.Time, a.ID} },
	}.Read(ctx, pool)
	return actions, meta.NextCursor, err
}

func scanOperatorAction(row pgx.CollectableRow) (a operator.Action, err error) {
	var acted, finished []byte
	var finishedAt *time.Time
	err = row.Scan(&a.Time, &a.ID, &a.Actor, &a.Role, &a.RequestID, &acted, &finishedAt, &finished)
	if err != nil {
		return a, err
	}
	a.Time = a.Time.UTC()
	var act domain.OperatorActed
	if err := json.Unmarshal(acted, &act); err != nil {
		return a, fmt.Errorf("read action %s: %w", a.ID, err)
	}
	a.Action, a.Target, a.Reason, a.Outcome = act.Action, act.Target, act.Reason, operator.OutcomeUnknown
	if finishedAt == nil {
		return a, nil
	}
	var f domain.OperatorFinished
	if err := json.Unmarshal(finished, &f); err != nil {
		return a, fmt.Errorf("read what came of action %s: %w", a.ID, err)
	}
	a.FinishedAt = new(finishedAt.UTC())
	a.Outcome, a.Code, a.Why, a.Count, a.Left = f.Outcome, f.Code, f.Why, f.Count, f.Left
	a.Rebuild = cmp.Or(f.Rebuild, act.Target.Rebuild)
	return a, nil
}
