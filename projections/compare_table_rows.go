package projections

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// tableSide is one of two sets of tables that are compared: a schema in a transaction that sees one moment.
type tableSide struct {
	tx     pgx.Tx
	schema string
}

// tableShape is what a comparison must know of a table.
type tableShape struct {
	Name    string
	Columns []string // all of them, in the order of the definition
	Key     []string // of the primary key; all columns without one
}

// shape reads what a table looks like.
func (s tableSide) shape(ctx context.Context, table string) (tableShape, error) {
	shape := tableShape{Name: strings.ToLower(table)}
	err := s.tx.QueryRow(ctx, `
		select coalesce(array_agg(a.attname::text order by a.attnum), '{}'),
		       coalesce(array_agg(a.attname::text order by array_position(i.indkey::int2[], a.attnum)) 
		           filter (where a.attnum = any(i.indkey)), '{}')
		from pg_class c
		join pg_namespace n on n.oid = c.relnamespace
		join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		left join pg_index i on i.indrelid = c.oid and i.indisprimary
		where n.nspname = $1 and c.relname = $2`, s.schema, shape.Name).Scan(&shape.Columns, &shape.Key)
	if err != nil {
		return shape, fmt.Errorf("read columns of %s.%s: %w", s.schema, table, err)
	}
	if len(shape.Key) == 0 {
		shape.Key = shape.Columns
	}
	return shape, nil
}

// tenantColumn is the column that says to which agency a row belongs.
const tenantColumn = "parent_account"

func (t tableShape) tenant() string {
	if slices.Contains(t.Columns, tenantColumn) {
		return "coalesce(" + tenantColumn + ", '')"
	}
	return "''"
}

// keyText is the key of a row as a list of text.
func (t tableShape) keyText() string {
	parts := make([]string, len(t.Key))
	for i, column := range t.Key {
		parts[i] = pgx.Identifier{column}.Sanitize() + "::text"
	}
	return "array[" + strings.Join(parts, ", ") + "]"
}

// rows is a subquery r of the rows of a table with the listed columns only.
func (s tableSide) rows(t tableShape) string {
	columns := make([]string, len(t.Columns))
	for i, column := range t.Columns {
		columns[i] = pgx.Identifier{column}.Sanitize()
	}
	return "(select " + strings.Join(columns, ", ") + " from " + pgx.Identifier{s.schema, t.Name}.Sanitize() + ") r"
}

// bucket is the digest of the rows of a tenant: their number and the sum of their hashes, in any order.
type bucket struct {
	Rows int64
	Sum  uint64
}

func (b bucket) plus(c bucket) bucket { return bucket{b.Rows + c.Rows, b.Sum + c.Sum} }

// digests reads the digest of each tenant. The server hashes: for that it need not turn rows into text or send them.
// The hash is seeded anew for each comparison, so that nobody can choose rows that collide.
func (s tableSide) digests(ctx context.Context, t tableShape, seed int64) (map[string]bucket, error) {
	rows, err := s.tx.Query(ctx, `select `+t.tenant()+`, count(*), sum(hash_record_extended(r, $1))::text from `+s.rows(t)+` group by 1`, seed)
	if err != nil {
		return nil, fmt.Errorf("digest %s.%s: %w", s.schema, t.Name, err)
	}
	digests, err := collectDigests[string](rows)
	if err != nil {
		return nil, fmt.Errorf("digest %s.%s: %w", s.schema, t.Name, err)
	}
	return digests, nil
}

// collectDigests reads rows of a key, a count and a sum. The sum of many 64-bit hashes has more bits: 64 of them count.
func collectDigests[K int32 | string](rows pgx.Rows) (map[K]bucket, error) {
	digests := map[K]bucket{}
	var key K
	var count int64
	var text string
	_, err := pgx.ForEachRow(rows, []any{&key, &count, &text}, func() error {
		sum, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return fmt.Errorf("sum of hashes %q is no number", text)
		}
		low := new(big.Int).And(sum, new(big.Int).SetUint64(math.MaxUint64))
		digests[key] = bucket{count, low.Uint64()}
		return nil
	})
	return digests, err
}

// parts is in how many parts the rows of a tenant are cut to find one that differs: so few are listed.
const parts = 1024

// partDigests reads the digests of the parts of a tenant, by the hash of the key.
func (s tableSide) partDigests(ctx context.Context, t tableShape, tenant string, seed int64) (map[int32]bucket, error) {
	rows, err := s.tx.Query(ctx, `
		select abs(mod(hash_array(`+t.keyText()+`), $3))::int, count(*), sum(hash_record_extended(r, $2))::text
		from `+s.rows(t)+` where `+t.tenant()+` = $1 group by 1`, tenant, seed, parts)
	if err != nil {
		return nil, fmt.Errorf("digest parts of %s.%s: %w", s.schema, t.Name, err)
	}
	digests, err := collectDigests[int32](rows)
	if err != nil {
		return nil, fmt.Errorf("digest parts of %s.%s: %w", s.schema, t.Name, err)
	}
	return digests, nil
}

// fullRow is a row with its key.
type fullRow struct {
	Key  []string
	Hash int64
	Row  map[string]json.RawMessage
}

// partRows reads the rows of some parts of a tenant, by key.
func (s tableSide) partRows(ctx context.Context, t tableShape, tenant string, seed int64, chosen []int32) (map[string]fullRow, error) {
	rows, err := s.tx.Query(ctx, `
		select `+t.keyText()+`, hash_record_extended(r, $2), to_jsonb(r)
		from `+s.rows(t)+` where `+t.tenant()+` = $1 and abs(mod(hash_array(`+t.keyText()+`), $3))::int = any($4)`, tenant, seed, parts, chosen)
	if err != nil {
		return nil, fmt.Errorf("read rows of %s.%s: %w", s.schema, t.Name, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[fullRow])
	if err != nil {
		return nil, fmt.Errorf("read rows of %s.%s: %w", s.schema, t.Name, err)
	}
	byKey := make(map[string]fullRow, len(list))
	for _, row := range list {
		byKey[strings.Join(row.Key, "\x00")] = row
	}
	return byKey, nil
}

// fewParts is how many differing parts of a tenant are read row by row.
const fewParts = 4

// firstDifference returns a differing row of a tenant: the first by key of the differing parts that are looked at.
func firstDifference(ctx context.Context, live, folded tableSide, t tableShape, tenant string, seed int64) (*Difference, error) {
	a, err := live.partDigests(ctx, t, tenant, seed)
	if err != nil {
		return nil, err
	}
	b, err := folded.partDigests(ctx, t, tenant, seed)
	if err != nil {
		return nil, err
	}
	differing := differingKeys(a, b)
	differing = differing[:min(len(differing), fewParts)]
	liveRows, err := live.partRows(ctx, t, tenant, seed, differing)
	if err != nil {
		return nil, err
	}
	foldedRows, err := folded.partRows(ctx, t, tenant, seed, differing)
	if err != nil {
		return nil, err
	}
	keys := slices.Sorted(maps.Keys(liveRows))
	for key := range foldedRows {
		if _, both := liveRows[key]; !both {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		l, inLive := liveRows[key]
		c, inFold := foldedRows[key]
		if inLive == inFold && l.Hash == c.Hash {
			continue
		}
		d := &Difference{Tenant: tenant, Key: map[string]string{}, In: inBoth, Event: eventBehind(l.Row, c.Row)}
		values := l.Key
		switch {
		case !inFold:
			d.In = inTable
		case !inLive:
			d.In, values = inLog, c.Key
		default:
			d.Columns = slices.DeleteFunc(slices.Sorted(maps.Keys(l.Row)), func(column string) bool { return bytes.Equal(l.Row[column], c.Row[column]) })
		}
		for i, column := range t.Key {
			d.Key[column] = values[i]
		}
		return d, nil
	}
	return nil, nil //nolint:nilnil // rows of one key twice: the counts say it
}

// eventBehind returns the id of the event of a row, where the row has one.
func eventBehind(rows ...map[string]json.RawMessage) (id string) {
	for _, row := range rows {
		if json.Unmarshal(row["event_id"], &id) == nil && id != "" {
			return id
		}
	}
	return ""
}

// differingKeys are the keys whose digests differ, in order.
func differingKeys[K int32 | string](a, b map[K]bucket) []K {
	var differing []K
	for key, digest := range a {
		if b[key] != digest {
			differing = append(differing, key)
		}
	}
	for key := range b {
		if _, both := a[key]; !both {
			differing = append(differing, key)
		}
	}
	slices.Sort(differing)
	return differing
}

// snapshotOptions are those of a transaction that sees one moment.
var snapshotOptions = pgx.TxOptions{IsoLevel: pgx.RepeatableRead}
