package readmodels

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// TrailMeta describes a page of the trail of operations.
type TrailMeta struct {
	ListMeta

	// Incomplete says why entries may be missing; absent if all are shown.
	Incomplete string `json:"incomplete,omitempty"`
}

// TrailKey is the position of an entry in a list of the trail.
type TrailKey struct {
	Time    time.Time `json:"t"`
	EventID string    `json:"i"`
}

// IncompleteTrail says why the trail may lack entries of an agency, or of all for "", with one of
// the prefixes of types; "" if it lacks none.
func IncompleteTrail(
	ctx context.Context, pool *pgxpool.Pool, entries, parent string, prefixes ...string,
) (string, error) {
	var paused bool
	var unreadable int64
	err := pool.QueryRow(ctx, `
		select exists (select from kept.pauses where kind = $1 and name = 'operations'),
		       (select count(*) from operations_dead_letters where $2 in ('', stream_key)
		        and exists (select from unnest($3::text[]) prefix where starts_with(event_type, prefix)))`,
		domain.PauseProjection, parent, prefixes).Scan(&paused, &unreadable)
	var reasons []string
	if paused {
		reasons = append(reasons, "An operator has paused the list, so the newest "+entries+" may be missing")
	}
	switch {
	case unreadable == 1:
		reasons = append(reasons, "1 record of the list cannot be read; it is in the log but not shown here")
	case unreadable > 1:
		reasons = append(reasons, fmt.Sprintf(
			"%d records of the list cannot be read; they are in the log but not shown here", unreadable))
	}
	return strings.Join(reasons, ". "), pg.Wrap("look for missing "+entries, err)
}

// OperatorActions returns a page of operators' actions, erasures and imports with their outcomes,
// newest first.
func OperatorActions(
	ctx context.Context, pool *pgxpool.Pool, page Page,
) (actions []operator.RecordedAction, meta TrailMeta, err error) {
	actions, meta.ListMeta, err = PageQuery[operator.RecordedAction, TrailKey]{
		List: "actions of operators", Page: page,
		// The types are constants in the statement because of partial indexes.
		Select: func(after TrailKey, limit int) (string, []any) {
			return `
				select t.event_type, t.time, t.event_id, t.actor, t.role, t.request_id, t.data, o.time, o.data
				from operations_trail t
				left join lateral (
					select time, data from operations_trail o
					where o.event_type = 'operations.operator_finished.v1' and o.data ->> 'of' = t.event_id
					order by o.time, o.event_id limit 1) o on true
				where t.event_type in (
					'operations.operator_acted.v1', 'operations.person_erased.v1', 'operations.data_imported.v1')
				  and (@first or (t.time, t.event_id) < (@time, @id))
				order by t.time desc, t.event_id desc limit @limit`,
				[]any{pgx.NamedArgs{
					"first": after == TrailKey{}, "time": after.Time, "id": after.EventID, "limit": limit,
				}}
		},
		Scan: scanOperatorAction,
		Key:  func(a operator.RecordedAction) TrailKey { return TrailKey{a.Time, a.ID} },
	}.Read(ctx, pool)
	if err == nil {
		meta.Incomplete, err = IncompleteTrail(ctx, pool, "actions", "",
			"operations.operator_", "operations.person_erased.", "operations.data_imported.")
	}
	return actions, meta, err
}

func scanOperatorAction(row pgx.CollectableRow) (a operator.RecordedAction, err error) {
	var eventType string
	var acted, finished []byte
	var finishedAt *time.Time
	err = row.Scan(&eventType, &a.Time, &a.ID, &a.Actor, &a.Role, &a.RequestID, &acted, &finishedAt, &finished)
	if err != nil {
		return a, err
	}
	a.Time = a.Time.UTC()
	act, err := announced(eventType, acted, &a)
	if err != nil {
		return a, fmt.Errorf("read action %s: %w", a.ID, err)
	}
	a.LocalOperator = act.LocalOperator
	a.Action, a.Target, a.Reason, a.Outcome = act.Action, act.Target, act.Reason, operator.OutcomeUnknown
	if finishedAt == nil {
		return a, nil
	}
	var f domain.OperatorFinished
	if err := json.Unmarshal(finished, &f); err != nil {
		return a, fmt.Errorf("read outcome of action %s: %w", a.ID, err)
	}
	a.FinishedAt = new(finishedAt.UTC())
	a.Outcome, a.Code, a.Stopped = f.Outcome(), f.Code, f.Stopped
	a.Rebuild = cmp.Or(f.Rebuild, act.Target.Rebuild)
	return a, nil
}

// announced returns the action that a record announces. It sets the details of an erasure or import
// in a.
func announced(eventType string, data []byte, a *operator.RecordedAction) (act domain.OperatorActed, err error) {
	switch eventType {
	case domain.PersonErased{}.EventType():
		var erased domain.PersonErased
		err = json.Unmarshal(data, &erased)
		act.Action, act.Target.User, act.Reason = domain.ActionPersonErased, erased.User, erased.Order.Reason
		act.LocalOperator = erased.LocalOperator
		if erased.User == "" && len(erased.Members) > 0 {
			act.Target.Member = erased.Members[0]
		}
		if erased.Order.By != "" {
			a.Erasure = &erased.Order
		}
	case domain.DataImported{}.EventType():
		act.Action, a.Import = domain.ActionDataImported, &domain.DataImported{}
		err = json.Unmarshal(data, a.Import)
	default:
		err = json.Unmarshal(data, &act)
	}
	return act, err
}
