package history

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// maxScanned limits the entries that one page of a filtered history examines: a filter without
// matches must not read years of an agency's history at once. The page then ends early, with a
// cursor.
const maxScanned = 20_000

// entryKey identifies an entry within its agency. Keys are ordered like the stream.
type entryKey struct {
	Version   int64  `json:"v"`
	Dashboard string `json:"d"` // sub-account; empty for a skip
}

// historyCursors returns the scope of history cursors. It has no filters, so that a cursor can also
// be used with other filters or for an export.
func historyCursors() readmodels.CursorScope { return readmodels.CursorScope{List: "history"} }

// Cursor returns the cursor for the entries after e, as [HistoryMeta].NextCursor does for a page.
func (e HistoryEntry) Cursor() (string, error) {
	key := entryKey{Version: e.Version}
	if e.Dashboard != nil {
		key.Dashboard = e.Dashboard.ID
	}
	return readmodels.EncodeCursor(historyCursors(), key)
}

// Entries returns a page of entries. It returns [domain.ErrDashboardNotFound] for a dashboard
// without history in this agency.
func (h *History) Entries(ctx context.Context, q HistoryQuery) ([]HistoryEntry, EntriesMeta, error) {
	var entriesMeta EntriesMeta
	read := func(tx pgx.Tx, meta *HistoryMeta) ([]HistoryEntry, error) {
		after, err := readmodels.DecodeCursor[entryKey](q.Cursor, historyCursors())
		if err != nil {
			return nil, err
		}
		if entriesMeta.NextAt, err = readNext(ctx, tx, q, meta.AsOf.Version); err != nil {
			return nil, err
		}
		entries, next, err := h.readPage(ctx, tx, q, after, meta.AsOf.Version)
		if err != nil || next == nil {
			return entries, err
		}
		meta.NextCursor, err = readmodels.EncodeCursor(historyCursors(), *next)
		return entries, err
	}
	entries, meta, err := answerHistory(ctx, h, "history", q.ParentAccount, q.Dashboard, read)
	if err != nil {
		return nil, EntriesMeta{}, err
	}
	entriesMeta.HistoryMeta = meta
	return entries, entriesMeta, nil
}

// readPage reads the entries after a key (from the beginning if nil) up to version until, and
// returns the last key if more entries follow.
func (h *History) readPage(
	ctx context.Context, tx pgx.Tx, q HistoryQuery, after *entryKey, until int64,
) ([]HistoryEntry, *entryKey, error) {
	page, next, err := findEntries(ctx, tx, q, after, until)
	if err != nil {
		return nil, nil, err
	}
	fit, err := h.affordable(ctx, tx, q.ParentAccount, page)
	if err != nil {
		return nil, nil, err
	}
	if fit < len(page) {
		page, next = page[:fit], &page[fit-1]
	}
	entries, err := readEntries(ctx, tx, q.ParentAccount, page)
	return entries, next, err
}

// findEntries returns the keys of a page, and the last examined key if more may follow.
func findEntries(
	ctx context.Context, tx pgx.Tx, q HistoryQuery, after *entryKey, until int64,
) (page []entryKey, next *entryKey, err error) {
	sql, args, scan, err := findStatement(ctx, tx, q, after, until)
	if err != nil {
		return nil, nil, err
	}
	entries, err := pg.List(ctx, tx, "find entries", pgx.RowToStructByPos[scannedEntry], sql, args)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if e.Matches {
			if len(page) == q.Limit {
				return page, next, nil
			}
			page = append(page, e.entryKey)
		}
		next = &e.entryKey
	}
	if len(entries) < scan {
		next = nil
	}
	return page, next, nil
}

// scannedEntry is the key of an examined entry, and whether it matches the filters.
type scannedEntry struct {
	entryKey

	Matches bool
}

// readNext reads when the first match after the range was recorded, for the first page in descending
// order.
func readNext(ctx context.Context, tx pgx.Tx, q HistoryQuery, until int64) (next *time.Time, err error) {
	if q.To == nil || q.Ascending || q.Cursor != "" {
		return nil, nil
	}
	q.Ascending, q.Limit = true, 1
	if q.From == nil || q.From.Before(*q.To) {
		q.From = q.To
	}
	q.To = nil
	sql, args, _, err := findStatement(ctx, tx, q, nil, until)
	if err != nil {
		return nil, err
	}
	err = tx.QueryRow(ctx, `select (select h.time from dashboard_history h where h.parent_account = @parent and h.version = (
			select e.version from (`+sql+`) as e(version, sub_account_id, matches)
			where e.matches order by e.version limit 1) limit 1)`, args).Scan(&next)
	return next, pg.Wrap("read the entry after a page", err)
}

const defaultPageBytes = 8 << 20

// affordable returns the number of entries of a page that fit into PageBytes, at least one.
func (h *History) affordable(ctx context.Context, tx pgx.Tx, parent string, page []entryKey) (fit int, err error) {
	versions, subs := splitKeys(page)
	err = tx.QueryRow(ctx, `
		select count(*) from (
			select sum(coalesce(pg_column_size(h.after), 0) + coalesce(pg_column_size(h.before), 0))
				over (order by k.n) as bytes
			from unnest($2::bigint[], $3::text[]) with ordinality as k(version, sub_account_id, n)
			join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.sub_account_id
			  and h.version = k.version) sizes
		where bytes <= $4`, parent, versions, subs, cmp.Or(h.PageBytes, defaultPageBytes)).Scan(&fit)
	return max(fit, 1), pg.Wrap("measure page", err)
}

func splitKeys(page []entryKey) (versions []int64, subs []string) {
	versions, subs = make([]int64, len(page)), make([]string, len(page))
	for i, key := range page {
		versions[i], subs[i] = key.Version, key.Dashboard
	}
	return versions, subs
}

// findStatement returns a statement that reads an index in the requested order and reports whether
// each entry matches. A range of times (from inclusive, to exclusive) becomes a range of versions,
// because the indexes are by version.
func findStatement(
	ctx context.Context, tx pgx.Tx, q HistoryQuery, after *entryKey, until int64,
) (sql string, args pgx.NamedArgs, scan int, err error) {
	matches := matching(q)
	scan = q.Limit + 1
	if matches != "true" {
		scan = max(scan, maxScanned)
	}
	args = pgx.NamedArgs{
		"parent": q.ParentAccount, "until": until, "dashboard": q.Dashboard, "limit": scan,
		"types": q.Types, "account": q.Account,
	}
	if err := q.people(ctx, tx, args); err != nil {
		return "", nil, 0, err
	}
	sql = "select version, sub_account_id, " + matches +
		" from dashboard_history where parent_account = @parent and version <= @until"
	if q.From != nil {
		if args["from"], err = versionBefore(ctx, tx, q.ParentAccount, *q.From); err != nil {
			return "", nil, 0, err
		}
		sql += " and version > @from"
	}
	if q.To != nil {
		if args["to"], err = versionBefore(ctx, tx, q.ParentAccount, *q.To); err != nil {
			return "", nil, 0, err
		}
		sql += " and version <= @to"
	}
	direction, comparison := " desc", " < "
	if q.Ascending {
		direction, comparison = "", " > "
	}
	key, place, order := "(version, sub_account_id)", "(@version, @sub)",
		"version"+direction+", sub_account_id"+direction
	if q.Dashboard != "" {
		sql += " and sub_account_id = @dashboard"
		key, place, order = "version", "@version", "version"+direction
	}
	if after != nil {
		sql += " and " + key + comparison + place
		args["version"], args["sub"] = after.Version, after.Dashboard
	}
	return sql + " order by " + order + " limit @limit", args, scan, nil
}

// matching returns the condition that an entry matches the filters; "true" without filters.
func matching(q HistoryQuery) string {
	sql := "true"
	if len(q.Types) > 0 {
		sql += " and event_type = any(@types)"
	}
	// A user's access changes if the user is added to or removed from the list. While the user is
	// on the list, it also changes if the dashboard is opened or closed and, while the dashboard is
	// open, if its scopes or linked accounts change.
	const accessChanged = ` exists (select from unnest(%s::text[]) as affected(id)
		where (after->'users' ? affected.id) <> coalesce(before->'users' ? affected.id, false)
		   or after->'users' ? affected.id and (after->'allow_client_dashboard' <> before->'allow_client_dashboard'
		      or (after->>'allow_client_dashboard')::boolean
		         and (after->'scopes' <> before->'scopes' or after->'sub_account_ids' <> before->'sub_account_ids')))`
	if q.Actor != "" {
		sql += " and actor = any(@actors)"
	}
	if q.User != "" {
		sql += " and" + fmt.Sprintf(accessChanged, "@users")
	}
	if q.Named != "" {
		sql += " and (actor = any(@named) or sub_account_id = any(@named) or" + fmt.Sprintf(accessChanged,
			"@named") + ")"
	}
	if q.Account != "" {
		// On the account's own dashboard, the account is linked or unlinked if the set changes at
		// all.
		sql += ` and case when sub_account_id = @account
			then after->'sub_account_ids' <> coalesce(before->'sub_account_ids', jsonb_build_array(sub_account_id))
			else coalesce(after->'sub_account_ids' ? @account, false)
			  <> coalesce(before->'sub_account_ids' ? @account, false) end`
	}
	return sql
}

// people sets the ids that match the names in filters. An id, or the name of a program that acted,
// matches itself.
func (q HistoryQuery) people(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) error {
	for name, text := range map[string]string{"actors": q.Actor, "users": q.User, "named": q.Named} {
		ids := []string{text}
		if _, isID := domain.HexID(text); !isID && text != "" {
			matches, err := pg.List(ctx, tx, "find people by name", pgx.RowTo[string], `
				select u.id from users u join accounts a on a.id = u.account_id
				  where (a.id = $1 or a.parent_account = $1) and `+readmodels.Named("u.name", "$2")+`
				union all select id from accounts where parent_account = $1 and `+readmodels.Named("name", "$2")+` and $3`,
				q.ParentAccount, readmodels.Containing(text), name == "named")
			if err != nil {
				return err
			}
			ids = append(ids, matches...)
		}
		args[name] = ids
	}
	return nil
}

// exportBatch is the number of entries read at once. A single long transaction would block
// vacuuming.
const exportBatch = 200

// Export returns the metadata and the entries of an export, in the order of the stream. It reads
// them in batches from one prefix of the stream. The query's limit and order are ignored. An error
// ends the sequence.
func (h *History) Export(ctx context.Context, q HistoryQuery) (HistoryMeta, iter.Seq2[HistoryEntry, error], error) {
	q.Ascending, q.Limit = true, exportBatch
	decode := func(pgx.Tx, *HistoryMeta) (*entryKey, error) {
		return readmodels.DecodeCursor[entryKey](q.Cursor, historyCursors())
	}
	after, meta, err := answerHistory(ctx, h, "export", q.ParentAccount, q.Dashboard, decode)
	if err != nil {
		return HistoryMeta{}, nil, err
	}
	return meta, func(yield func(HistoryEntry, error) bool) {
		for next := after; ; {
			var entries []HistoryEntry
			err := pg.Snapshot(ctx, h.Pool, func(tx pgx.Tx) (err error) {
				entries, next, err = h.readPage(ctx, tx, q, next, meta.AsOf.Version)
				return err
			})
			if err != nil {
				yield(HistoryEntry{}, fmt.Errorf("read history of agency %s for export: %w", q.ParentAccount, err))
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			if next == nil {
				return
			}
		}
	}, nil
}
