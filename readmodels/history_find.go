package readmodels

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
)

// maxScanned bounds the entries that one page of a filtered history looks at: a filter that matches
// nothing must not read a year of an agency in one go. The page then ends early, with a cursor.
const maxScanned = 20_000

// entryKey names an entry within its agency. Its order is that of the stream.
type entryKey struct {
	version int64
	sub     string
}

func (k entryKey) cursor() string { return strconv.FormatInt(k.version, 10) + "." + k.sub }

func parseCursor(cursor string) (entryKey, error) {
	number, sub, found := strings.Cut(cursor, ".")
	version, err := strconv.ParseInt(number, 10, 64)
	if id, ok := domain.HexID(sub); !found || err != nil || version < 1 || !ok || id != sub {
		return entryKey{}, domain.NewError(domain.CodeInvalid, "The cursor is not one of a page before. Use next_cursor as it was given.").
			WithField("cursor", "is not a cursor: use next_cursor of the page before")
	}
	return entryKey{version, sub}, nil
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

// findEntries returns the keys of a page, and the cursor of the next one. Entries above the version
// until are left out, so that all pages of one answer stand for the same prefix of the stream.
func findEntries(ctx context.Context, tx pgx.Tx, q HistoryQuery, until int64) (page []entryKey, next string, err error) {
	s, scan, err := findStatement(ctx, tx, q, until)
	if err != nil {
		return nil, "", err
	}
	rows, err := tx.Query(ctx, s.text.String(), s.args...)
	if err != nil {
		return nil, "", fmt.Errorf("find entries: %w", err)
	}
	defer rows.Close()
	var key entryKey
	scanned := 0
	for rows.Next() {
		var matches bool
		last := key
		if err := rows.Scan(&key.version, &key.sub, &matches); err != nil {
			return nil, "", fmt.Errorf("find entries: %w", err)
		}
		scanned++
		if !matches {
			continue
		}
		if len(page) == q.Limit {
			return page, last.cursor(), nil
		}
		page = append(page, key)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("find entries: %w", err)
	}
	if scanned == scan {
		next = key.cursor()
	}
	return page, next, nil
}

const defaultPageBytes = 8 << 20

// affordable shortens a page to what may be read at once, and at least to its first entry; the cursor then
// goes on behind what is left.
func (h *History) affordable(ctx context.Context, tx pgx.Tx, parent string, page []entryKey, next string) ([]entryKey, string, error) {
	versions, subs := splitKeys(page)
	var fit int
	err := tx.QueryRow(ctx, `
		select count(*) from (
			select sum(pg_column_size(h.after) + coalesce(pg_column_size(h.before), 0)) over (order by k.n) as bytes
			from unnest($2::bigint[], $3::text[]) with ordinality as k(version, sub_account_id, n)
			join dashboard_history h on h.parent_account = $1 and h.sub_account_id = k.sub_account_id and h.version = k.version) sizes
		where bytes <= $4`, parent, versions, subs, cmp.Or(h.PageBytes, defaultPageBytes)).Scan(&fit)
	if err != nil {
		return nil, "", fmt.Errorf("measure page: %w", err)
	}
	if fit = max(fit, 1); fit >= len(page) {
		return page, next, nil
	}
	return page[:fit], page[fit-1].cursor(), nil
}

func splitKeys(page []entryKey) (versions []int64, subs []string) {
	versions, subs = make([]int64, len(page)), make([]string, len(page))
	for i, key := range page {
		versions[i], subs[i] = key.version, key.sub
	}
	return versions, subs
}

// findStatement walks an index in the order asked for and says of each entry whether it matches.
func findStatement(ctx context.Context, tx pgx.Tx, q HistoryQuery, until int64) (s *statement, scan int, err error) {
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
	if q.Cursor != "" {
		after, err := parseCursor(q.Cursor)
		if err != nil {
			return nil, 0, err
		}
		if q.Dashboard != "" {
			s.add(" and version "+beyond+" $", after.version)
		} else {
			s.add(" and (version, sub_account_id) "+beyond+" ($, $)", after.version, after.sub)
		}
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
