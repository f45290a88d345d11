package history

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

const recordColumns = `h.version, h.time, h.event_type, h.actor, h.role, nullif(h.on_behalf_of, ''), h.command_id,
  h.request_id, h.event_id,
	encode(h.hash, 'hex')`

// scanRecord scans a record, without names, and the columns that follow it.
func scanRecord(row pgx.Row, more ...any) (r Record, err error) {
	var onBehalfOf *string
	err = row.Scan(append([]any{
		&r.Version, &r.Time, &r.Type, &r.Actor.ID, &r.Role, &onBehalfOf, &r.CommandID, &r.RequestID, &r.EventID,
		&r.Hash,
	}, more...)...)
	if onBehalfOf != nil {
		r.OnBehalfOf = &Named{ID: *onBehalfOf}
	}
	return r, err
}

// entryRow is an entry without names.
type entryRow struct {
	Record

	sub    string
	before *domain.Dashboard
	after  *domain.Dashboard     // nil for a skip
	skip   *domain.ParkedSkipped // nil for a change of a dashboard
}

func readEntries(ctx context.Context, tx pgx.Tx, parent string, page []entryKey) ([]HistoryEntry, error) {
	versions, subs := splitKeys(page)
	scan := func(row pgx.CollectableRow) (e entryRow, err error) {
		e.Record, err = scanRecord(row, &e.sub, &e.before, &e.after, &e.skip)
		return e, err
	}
	list, err := pg.List(ctx, tx, "read entries", scan, `
		select `+recordColumns+`, h.sub_account_id, h.before, h.after, h.skip
		from unnest($2::bigint[], $3::text[]) with ordinality as k(version, sub_account_id, n)
		join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.sub_account_id
		  and h.version = k.version
		order by k.n`, parent, versions, subs)
	if err != nil {
		return nil, err
	}
	m := mentioned{accounts: slices.Clone(subs)}
	for _, e := range list {
		m.record(e.Record)
		m.dashboard(e.before)
		m.dashboard(e.after)
	}
	n, err := m.read(ctx, tx, parent)
	if err != nil {
		return nil, err
	}
	entries := make([]HistoryEntry, len(list))
	for i, e := range list {
		entries[i] = HistoryEntry{
			Record: n.record(e.Record), Before: n.state(e.before), After: n.state(e.after), Skip: e.skip,
		}
		if e.skip != nil { // no dashboard was changed
			e.before, e.after = &domain.Dashboard{}, &domain.Dashboard{}
		} else {
			entries[i].Dashboard = new(n.account(e.sub))
		}
		entries[i].Changes = n.differences(e.before, *e.after)
		entries[i].Access = n.effect(e, entries[i].Changes)
	}
	return entries, nil
}

func (n names) effect(e entryRow, changes Differences) AccessEffect {
	gained, lost, kept := domain.AccessBetween(e.before, *e.after)
	kept = slices.DeleteFunc(kept, func(id string) bool { // a listed user whose account was linked or unlinked
		was, is := n.linked(id, e.before), n.linked(id, e.after)
		switch {
		case is && !was:
			gained = append(gained, id)
		case was && !is:
			lost = append(lost, id)
		}
		return was != is
	})
	slices.Sort(gained)
	slices.Sort(lost)
	if len(changes.ScopesAdded)+len(changes.ScopesRemoved) == 0 {
		kept = nil
	}
	var cannotOpen []string
	note := func(users []string, d *domain.Dashboard) {
		for _, id := range users {
			if !n.active[id] || !n.linked(id, d) {
				cannotOpen = append(cannotOpen, id)
			}
		}
	}
	note(gained, e.after)
	note(lost, e.before)
	note(kept, e.after)
	clients := func(users []string) []Named {
		return named(slices.DeleteFunc(users, func(id string) bool { return n.staff[id] && n.active[id] }), n.user)
	}
	return AccessEffect{clients(gained), clients(lost), clients(kept), clients(cannotOpen)}
}
