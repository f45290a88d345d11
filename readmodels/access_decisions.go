package readmodels

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// decided are the versions that made a user's access what it is: of each fact the last record that changed
// it, or the one that created the dashboard.
type decided struct {
	listed, allowed int64
	scopes          map[string]int64
	open            int // facts whose record is not found yet
	records         map[int64]*recordRow
}

func (d *decided) record(version int64) *recordRow { return d.records[version] }

// firstLook is how many of the newest entries are looked at before all others: most facts were decided
// lately, and one that never changed leads back to the first entry, past thousands.
const firstLook = 64

// decisions walks the entries of a dashboard backwards, once for all facts.
func decisions(ctx context.Context, tx pgx.Tx, q AccessQuery, version int64, scopes []string) (*decided, error) {
	d := &decided{scopes: make(map[string]int64, len(scopes)), open: 2 + len(scopes), records: map[int64]*recordRow{}}
	for _, scope := range scopes {
		d.scopes[scope] = 0
	}
	for limit := int64(firstLook); d.open > 0; limit = unlimited {
		last, err := d.look(ctx, tx, q, version, limit)
		if err != nil {
			return nil, fmt.Errorf("find deciding records: %w", err)
		}
		if limit == unlimited && d.open > 0 {
			return nil, fmt.Errorf("the history of dashboard %s does not begin with its creation", q.Dashboard)
		}
		version = last
	}
	return d, d.read(ctx, tx, q)
}

const unlimited = 1 << 62

// entryFacts is what stood after one entry.
type entryFacts struct {
	version       int64
	created       bool
	listed, allow bool
	scopes        []byte // JSON, in PostgreSQL's one spelling
}

// look takes the newest entries up to a version and returns the version from which the next look goes on:
// the last one taken, which is held against its predecessor only then. What stood before an entry is what
// stood after the one before it, so that half of the documents, and each only once, have to be unpacked.
func (d *decided) look(ctx context.Context, tx pgx.Tx, q AccessQuery, version, limit int64) (last int64, err error) {
	rows, _ := tx.Query(ctx, `
		select version, created, document->'users' ? $4, document->'allow_client_dashboard' = 'true'::jsonb, document->'scopes'
		from (select version, before is null as created, after || '{}' as document from dashboard_history
			where parent_account = $1 and sub_account_id = $2 and version <= $3
			order by version desc limit $5) unpacked`, q.ParentAccount, q.Dashboard, version, q.User, limit)
	var e, newer entryFacts
	_, err = pgx.ForEachRow(rows, []any{&e.version, &e.created, &e.listed, &e.allow, &e.scopes}, func() error {
		if newer.version > 0 && d.open > 0 {
			if err := d.take(newer, &e); err != nil {
				return err
			}
		}
		newer = e
		newer.scopes = slices.Clone(e.scopes)
		if e.created && d.open > 0 {
			return d.take(newer, nil)
		}
		return nil
	})
	return newer.version, err
}

// take notes the facts that an entry decided, given the one before it, nil before the first.
func (d *decided) take(e entryFacts, before *entryFacts) error {
	decide := func(by *int64, changed bool) {
		if *by == 0 && (changed || before == nil) {
			*by = e.version
			d.records[e.version] = &recordRow{}
			d.open--
		}
	}
	decide(&d.listed, before == nil || e.listed != before.listed)
	decide(&d.allowed, before == nil || e.allow != before.allow)
	if before != nil && bytes.Equal(e.scopes, before.scopes) {
		return nil
	}
	var now, then []string
	err := json.Unmarshal(e.scopes, &now)
	if err == nil && before != nil {
		err = json.Unmarshal(before.scopes, &then)
	}
	if err != nil {
		return fmt.Errorf("decode scopes: %w", err)
	}
	for scope, by := range d.scopes {
		decide(&by, slices.Contains(now, scope) != slices.Contains(then, scope))
		d.scopes[scope] = by
	}
	return nil
}

// read reads the records that were found.
func (d *decided) read(ctx context.Context, tx pgx.Tx, q AccessQuery) error {
	versions := make([]int64, 0, len(d.records))
	for version := range d.records {
		versions = append(versions, version)
	}
	rows, _ := tx.Query(ctx, `
		select `+recordColumns+` from dashboard_history h
		where parent_account = $1 and sub_account_id = $2 and version = any($3)`, q.ParentAccount, q.Dashboard, versions)
	var r recordRow
	_, err := pgx.ForEachRow(rows, r.targets(), func() error {
		found := r
		found.hash = slices.Clone(r.hash)
		d.records[r.record.Version] = &found
		return nil
	})
	if err != nil {
		return fmt.Errorf("read deciding records: %w", err)
	}
	return nil
}
