package history

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// HistoryEntry is the effect of one record on one dashboard, or an operator's skip of a record.
type HistoryEntry struct {
	Record

	Dashboard *Named          `json:"dashboard"` // the sub-account; null for a skip
	Before    *DashboardState `json:"before"`    // null if the record created the dashboard, or for a skip
	After     *DashboardState `json:"after"`     // null for a skip
	Changes   Differences     `json:"changes"`
	// users who gained or lost access to the dashboard or to scopes of it because of the record
	Access AccessEffect `json:"access"`
	// Skip says which record of the stream an operator skipped because it was unreadable, and why.
	// The skipped record has no entry. Only in entries of type dashboard.event_skipped.v1.
	Skip *domain.EventSkipped `json:"skip,omitempty"`
}

// AccessEffect says for which users a record changed the access to a dashboard. The records do not
// say to which account a user belonged or whether the user was active; this comes from the current
// directory. Active staff of the agency are excluded: they can open every dashboard because of
// their role.
type AccessEffect struct {
	Gained []Named `json:"gained"` // users with access after the record, but not before
	Lost   []Named `json:"lost"`   // users with access before the record, but not after
	// ScopesChanged are users with access before and after the record who gained or lost the scopes
	// in `changes`. Empty if `changes` contains no scopes.
	ScopesChanged []Named `json:"scopes_changed"`
	// CannotOpen are the users in the three lists who cannot open the dashboard in spite of the list:
	// they are inactive today, or their account is not one of the dashboard's accounts in the record.
	CannotOpen []Named `json:"cannot_open"`
}

// EntriesMeta describes a page of entries.
type EntriesMeta struct {
	HistoryMeta

	// NextAt is when the first matching entry at or after `to` was recorded. Only on the first page
	// of a history in descending order. Absent if no entry matches (with filters, among the next
	// 20,000 entries).
	NextAt *time.Time `json:"next_at,omitempty"`
}

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

// exportBatch is the number of entries that an export reads at once.
const exportBatch = 200

// Export returns the metadata and the entries of an export, in the order of the stream. It reads
// them in batches from one prefix of the stream. The query's limit and order are ignored. An error
// ends the sequence.
func (h *History) Export(ctx context.Context, q Query) (HistoryMeta, iter.Seq2[HistoryEntry, error], error) {
	q.Ascending, q.Limit = true, exportBatch
	return export(q.Cursor, func(cursor string) ([]HistoryEntry, HistoryMeta, string, error) {
		q.Cursor = cursor
		entries, meta, err := h.Entries(ctx, q)
		q.until = cmp.Or(q.until, meta.AsOf.Version)
		return entries, meta.HistoryMeta, meta.NextCursor, err
	})
}

// Entries returns a page of the entries of a dashboard, or of all, that match the filters and were
// recorded in [From, To), which are times. It returns [domain.ErrDashboardNotFound] for a dashboard
// without history in this agency.
func (h *History) Entries(ctx context.Context, q Query) ([]HistoryEntry, EntriesMeta, error) {
	var entriesMeta EntriesMeta
	read := func(tx pgx.Tx, meta *HistoryMeta) (entries []HistoryEntry, err error) {
		after, err := readmodels.DecodeCursor[entryKey](q.Cursor, historyCursors())
		if err != nil {
			return nil, err
		}
		q.until = cmp.Or(q.until, meta.AsOf.Version)
		if entriesMeta.NextAt, err = readNext(ctx, tx, q); err != nil {
			return nil, err
		}
		found, end, err := findEntries(ctx, tx, q, after)
		if err != nil {
			return nil, err
		}
		changes, names, more, err := readChanges(ctx, tx, found, q.Limit, h.PageIDs)
		if err != nil {
			return nil, err
		}
		if more {
			last := changes[len(changes)-1]
			end = &entryKey{last.Version, last.dashboard}
		}
		if end != nil {
			meta.NextCursor, err = readmodels.EncodeCursor(historyCursors(), *end)
		}
		entries = make([]HistoryEntry, len(changes))
		for i, c := range changes {
			entries[i] = names.entry(c)
		}
		return entries, err
	}
	entries, meta, err := answer(ctx, h, "history", q, read)
	if err != nil {
		return nil, EntriesMeta{}, err
	}
	entriesMeta.HistoryMeta = meta
	return entries, entriesMeta, nil
}

// readNext reads when the first match after the range was recorded, for the first page in descending
// order.
func readNext(ctx context.Context, tx pgx.Tx, q Query) (next *time.Time, err error) {
	if q.To.IsZero() || q.Ascending || q.Cursor != "" {
		return nil, nil
	}
	q.Ascending, q.Limit = true, 0
	if q.From.Time.Before(q.To.Time) {
		q.From = q.To
	}
	q.To = Moment{}
	found, _, err := findEntries(ctx, tx, q, nil)
	if err != nil {
		return nil, err
	}
	err = tx.QueryRow(ctx, "select min(time) from ("+found.sql+") h", found.args).Scan(&next)
	return next, pg.Wrap("read the entry after a page", err)
}

// maxScanned limits the entries that one page of a filtered history examines: a filter without
// matches must not read years of an agency's history at once. The page then ends early, with a
// cursor.
const maxScanned = 20_000

// findEntries returns a statement that selects the rows of a page and one more. end is the last
// examined entry if more may follow.
func findEntries(
	ctx context.Context, tx pgx.Tx, q Query, after *entryKey,
) (found statement, end *entryKey, err error) {
	// A range of times (from inclusive, to exclusive) becomes a range of versions, because the
	// indexes are by version.
	var low, high StreamPosition
	if !q.From.IsZero() {
		low, err = positionAt(ctx, tx, q.ParentAccount, before(q.From.Time))
	}
	if high.Version = q.until; err == nil && !q.To.IsZero() {
		high, err = positionAt(ctx, tx, q.ParentAccount, before(q.To.Time))
	}
	if err != nil {
		return found, nil, err
	}
	args := pgx.NamedArgs{
		"parent": q.ParentAccount, "dashboard": q.Dashboard, "types": q.Types, "account": q.Account,
		"low": low.Version, "high": min(high.Version, q.until), "limit": q.Limit + 1,
	}
	direction, comparison := " desc", " < "
	if q.Ascending {
		direction, comparison = "", " > "
	}
	found = statement{args: args, order: "version" + direction + ", sub_account_id" + direction}
	where := " where parent_account = @parent and version > @low and version <= @high"
	if q.Dashboard != "" {
		where += " and sub_account_id = @dashboard"
	}
	if after != nil {
		where += " and (version, sub_account_id)" + comparison + "(@version, @sub)"
		args["version"], args["sub"] = after.Version, after.Dashboard
	}
	if filters := q.filters(); filters != "" {
		if err := q.people(ctx, tx, args); err != nil {
			return found, nil, err
		}
		last, more, err := pg.Find(ctx, tx, "find end of page", pgx.RowToStructByPos[entryKey], `
			select version, sub_account_id from dashboard_history`+where+`
			order by `+found.order+" limit 1 offset "+strconv.Itoa(maxScanned-1), args)
		if err != nil {
			return found, nil, err
		}
		if more {
			end = &last
			where += " and not (version, sub_account_id)" + comparison + "(@end_version, @end_sub)"
			if args["end_version"], args["end_sub"] = last.Version, last.Dashboard; q.Ascending {
				args["high"] = last.Version
			} else {
				args["low"] = last.Version - 1
			}
		}
		where += filters
	}
	found.sql = eachChange + where + " order by " + found.order + " limit @limit"
	return found, end, nil
}

// filters returns the conditions that an entry matches the filters; "" without filters.
func (q Query) filters() (sql string) {
	if len(q.Types) > 0 {
		sql += " and event_type = any(@types)"
	}
	if q.Actor != "" {
		sql += " and actor = any(@actors)"
	}
	if q.User != "" {
		sql += " and (version, sub_account_id) in (" + affecting("@users") + ")"
	}
	if q.Named != "" {
		sql += " and (actor = any(@named) or sub_account_id = any(@named)" +
			" or (version, sub_account_id) in (" + affecting("@named") + "))"
	}
	if q.Account != "" {
		// On the account's own dashboard, the account is linked or unlinked if the set changes at
		// all.
		sql += ` and 'sub_account_ids' = any(changed) and (sub_account_id = @account
			or (@account = any(sub_account_ids)) <> coalesce((
				select @account = any(b.sub_account_ids) from dashboard_history b
				where b.parent_account = @parent and b.sub_account_id = dashboard_history.sub_account_id
				  and b.version < dashboard_history.version order by b.version desc limit 1), false))`
	}
	return sql
}

// affecting returns a statement that selects the entries that changed the access of users. A user's
// access changes if the user is added to or removed from the list. While the user is on the list, it
// also changes if the dashboard is opened or closed and, while the dashboard is open, if its scopes
// or linked accounts change.
func affecting(users string) string {
	return strings.ReplaceAll(`
		select from_version, sub_account_id from dashboard_listed where parent_account = @parent and user_id = any(@users)
		union all
		select to_version, sub_account_id from dashboard_listed where parent_account = @parent and user_id = any(@users)
		union all
		select c.version, c.sub_account_id from dashboard_listed l
		join dashboard_history c on c.parent_account = l.parent_account and c.sub_account_id = l.sub_account_id
		  and c.version > l.from_version and c.version < l.to_version
		where l.parent_account = @parent and l.user_id = any(@users) and c.version > @low and c.version <= @high
		  and ('allow_client_dashboard' = any(c.changed)
		       or c.allow_client_dashboard and c.changed && '{scopes,sub_account_ids}')`, "@users", users)
}

// people sets the ids that match the names in filters. An id, or the name of a program that acted,
// matches itself.
func (q Query) people(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) error {
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

func (n names) entry(c change) HistoryEntry {
	entry := HistoryEntry{Record: c.Record, Before: n.state(c.before), After: n.state(c.after), Skip: c.skip}
	if c.skip != nil { // no dashboard was changed
		c.before, c.after = &domain.Dashboard{}, &domain.Dashboard{}
	} else {
		entry.Dashboard = new(n.account(c.dashboard))
	}
	entry.Changes = n.differences(c.before, *c.after)
	entry.Access = n.effect(c, entry.Changes)
	return entry
}

func (n names) effect(c change, changes Differences) AccessEffect {
	gained, lost, kept := domain.AccessBetween(c.before, *c.after)
	kept = slices.DeleteFunc(kept, func(id string) bool { // a listed user whose account was linked or unlinked
		was, is := n.linked(id, c.before), n.linked(id, c.after)
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
			if !n.users[id].active || !n.linked(id, d) {
				cannotOpen = append(cannotOpen, id)
			}
		}
	}
	note(gained, c.after)
	note(lost, c.before)
	note(kept, c.after)
	clients := func(users []string) []Named {
		return named(slices.DeleteFunc(users, func(id string) bool { return n.users[id].staff && n.users[id].active }), n.user)
	}
	return AccessEffect{clients(gained), clients(lost), clients(kept), clients(cannotOpen)}
}
