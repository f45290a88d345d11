package readmodels

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// recordColumns are what [recordRow] is scanned from.
const recordColumns = `h.version, h.time, h.event_type, h.actor, h.role, h.on_behalf_of, h.command_id, h.request_id, h.event_id, h.hash`

// recordRow is a record as the table has it, before names are put to its ids.
type recordRow struct {
	record     Record
	actor      string
	onBehalfOf string
	hash       []byte
}

func (r *recordRow) targets() []any {
	return []any{
		&r.record.Version, &r.record.Time, &r.record.Type, &r.actor, &r.record.Role, &r.onBehalfOf,
		&r.record.CommandID, &r.record.RequestID, &r.record.EventID, &r.hash,
	}
}

func (r *recordRow) note(w *nameLookup) { w.users(r.actor, r.onBehalfOf) }

func (r *recordRow) named(n names) Record {
	record := r.record
	record.Actor, record.Hash = n.user(r.actor), hex.EncodeToString(r.hash)
	if r.onBehalfOf != "" {
		other := n.user(r.onBehalfOf)
		record.OnBehalfOf = &other
	}
	return record
}

// entryRow is an entry as the table has it.
type entryRow struct {
	recordRow

	sub    string
	before *domain.Dashboard
	after  domain.Dashboard
}

// readEntries reads the entries of a page in its order, and the names of all that they mention.
func readEntries(ctx context.Context, tx pgx.Tx, parent string, page []entryKey) ([]HistoryEntry, error) {
	versions, subs := splitKeys(page)
	rows, _ := tx.Query(ctx, `
		select `+recordColumns+`, h.sub_account_id, h.before, h.after
		from unnest($2::bigint[], $3::text[]) with ordinality as k(version, sub_account_id, n)
		join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.sub_account_id and h.version = k.version
		order by k.n`, parent, versions, subs)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entryRow, err error) {
		err = row.Scan(append(e.targets(), &e.sub, &e.before, &e.after)...)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	w := newNameLookup()
	for i := range list {
		list[i].note(w)
		w.accounts(list[i].sub)
		w.dashboard(list[i].before)
		w.dashboard(&list[i].after)
	}
	n, err := w.read(ctx, tx, parent)
	if err != nil {
		return nil, err
	}
	entries := make([]HistoryEntry, len(list))
	for i := range list {
		e := &list[i]
		entries[i] = HistoryEntry{
			Record: e.named(n), Dashboard: n.account(e.sub), Before: n.state(e.before), After: *n.state(&e.after),
			Changes: n.differences(e.before, e.after),
		}
	}
	return entries, nil
}
