package readmodels

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// maxScanned bounds the entries that one page of a filtered history looks at: a filter that matches
// nothing must not read a year of an agency in one go. The page then ends early, with a cursor.
const maxScanned = 20_000

// entryKey names an entry within its agency. Its order is that of the stream.
type entryKey struct {
	Version   int64  `json:"v"`
	Dashboard string `json:"d"` // sub-account
}

// historyCursors is what the cursors of histories belong to: a page may go on with another filter or as an export.
func historyCursors() CursorScope { return CursorScope{List: "history"} }

// Cursor asks for what follows the entry, as [HistoryMeta].NextCursor does for a page.
func (e HistoryEntry) Cursor() (string, error) {
	return EncodeCursor(historyCursors(), entryKey{e.Version, e.Dashboard.ID})
}

// readPage reads the entries that follow a key (nil: from the beginning), and returns the last key when more follow.
// Entries above the version until are left out, so that all pages of one answer stand for the same prefix of the stream.
func (h *History) readPage(ctx context.Context, tx pgx.Tx, q HistoryQuery, after *entryKey, until int64) ([]HistoryEntry, *entryKey, error) {
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

// statement builds SQL with numbered parameters. Only constants become part of the text.
type statement struct {
	text strings.Builder
	args []any
}

// add appends text in which each $ stands for the next argument.
func (s *statement) add(text string, args ...any) {
	for _, arg := range args {
		s.args = append(s.args, arg)
		before, after, _ := strings.Cut(text, "$")
		s.text.WriteString(before + "$" + strconv.Itoa(len(s.args)))
		text = after
	}
	s.text.WriteString(text)
}

// findEntries returns the keys of a page, and the last key that was looked at when more may follow.
func findEntries(ctx context.Context, tx pgx.Tx, q HistoryQuery, after *entryKey, until int64) (page []entryKey, next *entryKey, err error) {
	s, scan, err := findStatement(ctx, tx, q, after, until)
	if err != nil {
		return nil, nil, err
	}
	rows, _ := tx.Query(ctx, s.text.String(), s.args...)
	defer rows.Close()
	scanned := 0
	for rows.Next() {
		var key entryKey
		var matches bool
		if err := rows.Scan(&key.Version, &key.Dashboard, &matches); err != nil {
			return nil, nil, fmt.Errorf("find entries: %w", err)
		}
		scanned++
		if matches && len(page) == q.Limit {
			return page, next, nil
		}
		if matches {
			page = append(page, key)
		}
		next = &key
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("find entries: %w", err)
	}
	if scanned < scan {
		next = nil
	}
	return page, next, nil
}

const defaultPageBytes = 8 << 20

// affordable is how many entries of a page may be read at once: at least the first one.
func (h *History) affordable(ctx context.Context, tx pgx.Tx, parent string, page []entryKey) (fit int, err error) {
	versions, subs := splitKeys(page)
	err = tx.QueryRow(ctx, `
		select count(*) from (
			select sum(pg_column_size(h.after) + coalesce(pg_column_size(h.before), 0)) over (order by k.n) as bytes
			from unnest($2::bigint[], $3::text[]) with ordinality as k(version, sub_account_id, n)
			join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.sub_account_id and h.version = k.version) sizes
		where bytes <= $4`, parent, versions, subs, cmp.Or(h.PageBytes, defaultPageBytes)).Scan(&fit)
	if err != nil {
		return 0, fmt.Errorf("measure page: %w", err)
	}
	return max(fit, 1), nil
}

func splitKeys(page []entryKey) (versions []int64, subs []string) {
	versions, subs = make([]int64, len(page)), make([]string, len(page))
	for i, key := range page {
		versions[i], subs[i] = key.Version, key.Dashboard
	}
	return versions, subs
}

// findStatement walks an index in the order asked for and says of each entry whether it matches.
func findStatement(ctx context.Context, tx pgx.Tx, q HistoryQuery, after *entryKey, until int64) (s *statement, scan int, err error) {
	s = &statement{}
	s.add("select version, sub_account_id, ")
	addMatch(s, q)
	s.add(" from dashboard_history where parent_account = $ and version <= $", q.ParentAccount, until)
	if q.Dashboard != "" {
		s.add(" and sub_account_id = $", q.Dashboard)
	}
	if err := addRange(ctx, tx, s, q); err != nil {
		return nil, 0, err
	}
	direction, beyond := " desc", "<"
	if q.Ascending {
		direction, beyond = "", ">"
	}
	switch {
	case after == nil:
	case q.Dashboard != "":
		s.add(" and version "+beyond+" $", after.Version)
	default:
		s.add(" and (version, sub_account_id) "+beyond+" ($, $)", after.Version, after.Dashboard)
	}
	scan = q.Limit + 1
	if q.filtered() {
		scan = max(scan, maxScanned)
	}
	if q.Dashboard != "" {
		s.add(" order by version"+direction+" limit $", scan)
	} else {
		s.add(" order by version"+direction+", sub_account_id"+direction+" limit $", scan)
	}
	return s, scan, nil
}

// addRange turns the range of times, from included, to excluded, into one of versions: they grow
// together, and the indexes that the pages walk are by version.
func addRange(ctx context.Context, tx pgx.Tx, s *statement, q HistoryQuery) error {
	if q.From != nil {
		before, err := versionBefore(ctx, tx, q.ParentAccount, *q.From)
		if err != nil {
			return err
		}
		s.add(" and version > $", before)
	}
	if q.To != nil {
		last, err := versionBefore(ctx, tx, q.ParentAccount, *q.To)
		if err != nil {
			return err
		}
		s.add(" and version <= $", last)
	}
	return nil
}

func addMatch(s *statement, q HistoryQuery) {
	s.add("true")
	if len(q.Types) > 0 {
		s.add(" and event_type = any($)", slices.Clone(q.Types))
	}
	if q.Actor != "" {
		s.add(" and actor = $", q.Actor)
	}
	if q.User != "" {
		s.add(" and (after->'users' ? $) <> coalesce(before->'users' ? $, false)", q.User, q.User)
	}
	if q.Account != "" {
		// On its own dashboard the account was linked or unlinked when the set changed at all.
		s.add(` and case when sub_account_id = $
			then after->'sub_account_ids' <> coalesce(before->'sub_account_ids', jsonb_build_array(sub_account_id))
			else (after->'sub_account_ids' ? $) <> coalesce(before->'sub_account_ids' ? $, false) end`, q.Account, q.Account, q.Account)
	}
}
