package history

import (
	"cmp"
	"context"
	"slices"
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

	Dashboard *Named `json:"dashboard"` // the sub-account; null for a skip
	// The value before the change. Null if the record created the dashboard, or for a skip.
	Before  *DashboardState `json:"before"`
	After   *DashboardState `json:"after"`   // the value after the change. Null for a skip.
	Changes Differences     `json:"changes"` // what changed between `before` and `after`
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

// Entries returns a page of the entries of a dashboard, or of all, that match the filters and were
// recorded in [From, To), which are times. It returns [domain.ErrDashboardNotFound] for a dashboard
// without history in this agency.
func (h *History) Entries(ctx context.Context, q Query) ([]HistoryEntry, EntriesMeta, error) {
	const list = "history"
	var meta EntriesMeta
	read := func(tx pgx.Tx, now *HistoryMeta, after pageKey) (entries []HistoryEntry, err error) {
		if meta.NextAt, err = readNext(ctx, tx, q, now.AsOf); err != nil {
			return nil, err
		}
		all, end, err := findEntries(ctx, tx, q, now.AsOf, after)
		if err == nil && end.Version > 0 {
			now.NextCursor, err = q.cursor(list, end)
		}
		if err != nil {
			return nil, err
		}
		page, err := h.firstPage(list, q, all, now)
		if err != nil {
			return nil, err
		}
		changes, names, err := readChanges(ctx, tx, q.ParentAccount, page)
		entries = make([]HistoryEntry, len(changes))
		for i, c := range changes {
			entries[i] = names.entry(c)
		}
		return entries, err
	}
	entries, now, err := answer(ctx, h, list, q, read)
	meta.HistoryMeta = now
	return entries, meta, err
}

// firstPage returns the first of the found changes: at least one, at most as many as the query asks
// for, and not more than fit into [History].PageIDs. If more follow, it sets the cursor of the next
// page.
func (h *History) firstPage(list string, q Query, all []found, meta *HistoryMeta) (page []found, err error) {
	ids := int64(0)
	for i, f := range all {
		if i == q.Limit || i > 0 && ids >= cmp.Or(h.PageIDs, 150_000) {
			last := all[i-1]
			meta.NextCursor, err = q.cursor(list, pageKey{meta.AsOf.Version, last.last, last.dashboard, ""})
			return all[:i], err
		}
		ids += 1 + f.size
	}
	return all, nil
}

// readNext reads when the first match after the range was recorded, for the first page in descending
// order.
func readNext(ctx context.Context, tx pgx.Tx, q Query, now StreamPosition) (*time.Time, error) {
	if q.To.IsZero() || q.Ascending || q.Cursor != "" {
		return nil, nil
	}
	q.Ascending, q.Limit = true, 0
	if q.From.Time.Before(q.To.Time) {
		q.From = q.To
	}
	q.To = Moment{}
	next, _, err := findEntries(ctx, tx, q, now, pageKey{})
	if err != nil || len(next) == 0 {
		return nil, err
	}
	at, err := positionAt(ctx, tx, q.ParentAccount, Moment{Version: next[0].last})
	return at.Time, err
}

// maxScanned limits the entries that one page of a filtered history examines: a filter without
// matches must not read years of an agency's history at once. The page then ends early, with a
// cursor.
const maxScanned = 20_000

// findEntries returns the changes of a page and one more. If it ended early and more may follow, end
// is the last change that it examined.
func findEntries(
	ctx context.Context, tx pgx.Tx, q Query, now StreamPosition, after pageKey,
) (all []found, end pageKey, err error) {
	// A range of times (from inclusive, to exclusive) becomes a range of versions, because the
	// indexes are by version.
	low, high := StreamPosition{}, now
	if !q.From.IsZero() {
		low, err = positionAt(ctx, tx, q.ParentAccount, before(q.From.Time))
	}
	if err == nil && !q.To.IsZero() {
		high, err = positionAt(ctx, tx, q.ParentAccount, before(q.To.Time))
	}
	if err != nil {
		return nil, end, err
	}
	args := pgx.NamedArgs{
		"parent": q.ParentAccount, "dashboard": q.Dashboard, "types": q.Types, "account": q.Account,
		"low": low.Version, "high": min(high.Version, now.Version),
		"after_version": after.Version, "after_dashboard": after.Dashboard, "limit": q.Limit + 1, "scanned": maxScanned,
	}
	if err := q.people(ctx, tx, args); err != nil {
		return nil, end, err
	}
	order, follows := " order by version desc, sub_account_id desc", " < "
	if q.Ascending {
		order, follows = " order by version, sub_account_id", " > "
	}
	scanned := " from dashboard_history where parent_account = @parent and version > @low and version <= @high"
	if q.Dashboard != "" {
		scanned += " and sub_account_id = @dashboard"
	}
	if after.Version > 0 {
		scanned += " and (version, sub_account_id)" + follows + "(@after_version, @after_dashboard)"
	}
	all, err = pg.List(ctx, tx, "find changes", scanFound, `
		select version, sub_account_id, version - 1, 1, users_count + cardinality(sub_account_ids)
		from (select *`+scanned+order+` limit @scanned) h where true`+q.filters()+order+" limit @limit", args)
	if err == nil && len(all) <= q.Limit {
		end.Until = now.Version
		last := tx.QueryRow(ctx, "select version, sub_account_id"+scanned+order+" limit 1 offset @scanned - 1", args)
		_, err = pg.ScanOptional(last, "find the last change examined", &end.Version, &end.Dashboard)
	}
	return all, end, err
}

// filters returns the conditions that an entry h matches the filters.
func (q Query) filters() (sql string) {
	if len(q.Types) > 0 {
		sql += " and event_type = any(@types)"
	}
	if q.Actor != "" {
		sql += " and actor = any(@actors)"
	}
	if q.User != "" {
		sql += " and (" + affects("@users") + ")"
	}
	if q.Named != "" {
		sql += " and (actor = any(@named) or sub_account_id = any(@named) or " + affects("@named") + ")"
	}
	if q.Account != "" {
		// On the account's own dashboard, the account is linked or unlinked if the set changes at
		// all.
		sql += ` and 'sub_account_ids' = any(changed) and (sub_account_id = @account
			or (@account = any(sub_account_ids)) <> coalesce((
				select @account = any(b.sub_account_ids) from dashboard_history b
				where b.parent_account = @parent and b.sub_account_id = h.sub_account_id
				  and b.version < h.version order by b.version desc limit 1), false))`
	}
	return sql
}

// affects returns the condition that an entry h changed the access of one of users. A user's access
// changes if the user is added to or removed from the list. While the user is on the list, it also
// changes if the dashboard is opened or closed and, while the dashboard is open, if its scopes or
// linked accounts change.
func affects(users string) string {
	return strings.ReplaceAll(`
		(version, sub_account_id) in (
			select from_version, sub_account_id from dashboard_listed where parent_account = @parent and user_id = any(@users)
			union all
			select to_version, sub_account_id from dashboard_listed where parent_account = @parent and user_id = any(@users))
		or ('allow_client_dashboard' = any(changed) or allow_client_dashboard and changed && '{scopes,sub_account_ids}')
		  and exists (
			select from dashboard_listed l where l.parent_account = @parent and l.sub_account_id = h.sub_account_id
			  and l.user_id = any(@users) and l.from_version < h.version and l.to_version > h.version)`, "@users", users)
}

// people sets the ids that match the people in filters. An id, or the name of a program that acted,
// is itself; other texts are parts of names.
func (q Query) people(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs) error {
	for name, text := range map[string]string{"actors": q.Actor, "users": q.User, "named": q.Named} {
		ids := []string{text}
		if _, isID := domain.HexID(text); !isID && text != "" && !strings.HasPrefix(text, "system:") {
			var err error
			ids, err = pg.List(ctx, tx, "find people by name", pgx.RowTo[string], `
				select u.id from users u join accounts a on a.id = u.account_id
				  where (a.id = $1 or a.parent_account = $1) and `+readmodels.Named("u.name", "$2")+`
				union all select id from accounts where parent_account = $1 and `+readmodels.Named("name", "$2")+` and $3`,
				q.ParentAccount, readmodels.Containing(text), name == "named")
			if err != nil {
				return err
			}
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
		if len(changes.AccountsLinked)+len(changes.AccountsUnlinked) == 0 {
			return false
		}
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
