package readmodels

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// entryFacts is what stood after one entry.
type entryFacts struct {
	Version         int64
	Created         bool
	Listed, Allowed bool
	Scopes          []string
}

// firstLook is how many of the newest entries are looked at before all others: most facts were decided
// lately, and one that never changed leads back to the first entry, past thousands.
const firstLook, unlimited = 64, 1 << 62

// decisions returns, for each fact, the last record that changed it up to a version, or the one that created the dashboard.
// It walks the entries of the dashboard backwards, once for all facts. The state before an entry is the state after the
// entry before it. So only half of the documents are unpacked, each once.
func decisions(ctx context.Context, tx pgx.Tx, q AccessQuery, version int64, facts []func(entryFacts) bool) ([]Record, error) {
	decided := make([]int64, len(facts)) // versions; 0: not found yet
	for limit := int64(firstLook); slices.Contains(decided, 0); limit = unlimited {
		rows, _ := tx.Query(ctx, `
			select version, created, document->'users' ? $4, document->'allow_client_dashboard' = 'true'::jsonb, document->'scopes'
			from (select version, before is null as created, after || '{}' as document from dashboard_history
				where parent_account = $1 and sub_account_id = $2 and version <= $3
				order by version desc limit $5) unpacked`, q.ParentAccount, q.Dashboard, version, q.User, limit)
		entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entryFacts])
		if err != nil {
			return nil, fmt.Errorf("find deciding records: %w", err)
		}
		for i, e := range entries {
			version = e.Version // the next look holds the last entry against its predecessor
			for f, holds := range facts {
				if decided[f] == 0 && (e.Created || i+1 < len(entries) && holds(e) != holds(entries[i+1])) {
					decided[f] = e.Version
				}
			}
		}
		if limit == unlimited && slices.Contains(decided, 0) {
			return nil, fmt.Errorf("the history of dashboard %s does not begin with its creation", q.Dashboard)
		}
	}
	rows, _ := tx.Query(ctx, `
		select `+recordColumns+` from unnest($3::bigint[]) with ordinality as k(version, n)
		join dashboard_history h on h.parent_account = $1 and h.sub_account_id = $2 and h.version = k.version
		order by k.n`, q.ParentAccount, q.Dashboard, decided)
	records, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Record, error) { return scanRecord(row) })
	if err != nil {
		return nil, fmt.Errorf("read deciding records: %w", err)
	}
	return records, nil
}
