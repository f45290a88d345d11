package projectors

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Directory projects topic `directory` into one table per kind of entity, and erased_entities. Of the records of a key the one with the
// latest time counts, and of one time the first; a tombstone stands before an entity of its time.
type Directory struct{}

// Name implements [fold.Projector].
func (Directory) Name() string { return "directory" }

// Version implements [fold.Projector].
func (Directory) Version() int { return 7 + ahead }

// Topic implements [fold.Projector].
func (Directory) Topic() string { return domain.TopicDirectory }

// Tables implements [fold.Projector].
func (Directory) Tables() []string {
	var names []string
	for _, kind := range entityKinds {
		names = append(names, kind.table)
	}
	return names
}

var (
	_ fold.Uncompared = Directory{}
	_ fold.Compacted  = Directory{}
)

// Uncompared implements [fold.Uncompared]: the log forgets tombstones, and the table does not.
func (Directory) Uncompared() []string { return []string{"erased_entities"} }

// Types implements [fold.Projector]: all of the topic.
func (Directory) Types() []string { return nil }

// Definition implements [fold.Projector].
func (p Directory) Definition() ddl.Definition { return ddl.All()[p.Name()] }

// Begin implements [fold.Projector].
func (Directory) Begin(int) fold.Fold { return &directoryFold{told: map[string]*toldEntity{}} }

// toldEntity is what counts of a key.
type toldEntity struct {
	kind    *entityKind
	id      string
	at      time.Time
	entity  domain.DirectoryEntity // nil: it is erased
	covered bool                   // a record that does not count lies over it in the log
	changed bool
}

type directoryFold struct {
	told map[string]*toldEntity // by key
}

// Apply implements [fold.Fold].
func (f *directoryFold) Apply(ev fold.Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	if isHeartbeat(ev) {
		return nil
	}
	kind, id, err := domain.SplitDirectoryKey(ev.Key)
	if err != nil {
		return &fold.ParkError{Reason: fold.ReasonRefused, Detail: err.Error()}
	}
	of := kindOf(kind)
	if of == nil {
		return &fold.ParkError{Reason: fold.ReasonRefused, Detail: fmt.Sprintf("entities of kind %q are not known", kind)}
	}
	if !of.holds(id) {
		return &fold.ParkError{Reason: fold.ReasonRefused, Detail: fmt.Sprintf("id %q of a %s is not a positive number in its plain form", id, kind)}
	}
	now := toldEntity{kind: of, id: id, at: instant(ev.Envelope.Time), changed: true}
	if ev.Data != nil {
		entity, ok := ev.Data.(domain.DirectoryEntity)
		if !ok || domain.EntityKey(entity) != ev.Key {
			return &fold.ParkError{Reason: fold.ReasonRefused, Detail: fmt.Sprintf("payload of type %s is not the entity that key %q names", ev.Envelope.Type, ev.Key)}
		}
		now.entity = entity
	}
	f.hear(ev.Key, now)
	return nil
}

// isHeartbeat tells of a record that no projection folds.
func isHeartbeat(ev fold.Event) bool {
	_, is := ev.Data.(domain.Heartbeat)
	return is
}

// hear lets the later of two records count. The one that counts may come again, over one that did not: then nothing covers it any more.
func (f *directoryFold) hear(key string, now toldEntity) {
	before, known := f.told[key]
	switch {
	case !known, now.record().Replaces(before.record()):
		f.told[key] = &now
	default:
		if covered := now.at.Before(before.at) || !now.same(before); covered != before.covered {
			before.covered, before.changed = covered, true
		}
	}
}

func (e *toldEntity) record() domain.CompactedRecord {
	return domain.CompactedRecord{At: e.at, Erased: e.entity == nil}
}

// same tells whether both make the same row.
func (e *toldEntity) same(other *toldEntity) bool {
	if e.entity == nil || other.entity == nil {
		return e.entity == nil && other.entity == nil
	}
	return reflect.DeepEqual(e.kind.row(e.entity), e.kind.row(other.entity))
}

// Load implements [fold.Fold].
func (f *directoryFold) Load(first *pgx.Batch, events []fold.Event) {
	keys := map[string]bool{}
	var kinds, ids []string
	for _, ev := range events {
		kind, id, err := domain.SplitDirectoryKey(ev.Key)
		if err != nil || keys[ev.Key] {
			continue
		}
		keys[ev.Key] = true
		kinds, ids = append(kinds, kind), append(ids, id)
	}
	for i := range entityKinds {
		kind := &entityKinds[i]
		var own []string
		for at, name := range kinds {
			if name == kind.kind && kind.holds(ids[at]) {
				own = append(own, ids[at])
			}
		}
		if len(own) > 0 {
			first.Queue(kind.load, own).Query(func(rows pgx.Rows) error { return f.scan(kind, rows) })
		}
	}
	if len(kinds) > 0 {
		first.Queue(`
			select kind, id, erased_at, covered from unnest($1::text[], $2::text[]) as k(kind, id) join erased_entities using (kind, id)`,
			kinds, ids).Query(f.scanErased)
	}
}

// LoadMore implements [fold.Fold].
func (*directoryFold) LoadMore(context.Context, pgx.Tx, []fold.Event) error { return nil }

func (f *directoryFold) scan(kind *entityKind, rows pgx.Rows) error {
	for rows.Next() {
		e := toldEntity{kind: kind}
		var raw []byte
		if err := rows.Scan(&e.id, &e.at, &e.covered, &raw); err != nil {
			return fmt.Errorf("scan %s: %w", kind.kind, err)
		}
		var err error
		if e.entity, err = kind.decode(raw); err != nil {
			return fmt.Errorf("decode row of %s %s: %w", kind.kind, e.id, err)
		}
		e.at = instant(e.at)
		f.told[domain.DirectoryKey(kind.kind, e.id)] = &e
	}
	return rows.Err()
}

func (f *directoryFold) scanErased(rows pgx.Rows) error {
	for rows.Next() {
		var e toldEntity
		var kind string
		if err := rows.Scan(&kind, &e.id, &e.at, &e.covered); err != nil {
			return fmt.Errorf("scan what was erased: %w", err)
		}
		e.kind = kindOf(kind)
		e.at = instant(e.at)
		f.told[domain.DirectoryKey(kind, e.id)] = &e
	}
	return rows.Err()
}

// changed are the rows of the kinds, and those of erased_entities, in the order of their keys.
func (f *directoryFold) changed() (rows map[string][]*toldEntity, erased []*toldEntity) {
	rows = map[string][]*toldEntity{}
	for _, key := range slices.Sorted(maps.Keys(f.told)) {
		switch e := f.told[key]; {
		case !e.changed:
		case e.entity == nil:
			erased = append(erased, e)
		default:
			rows[e.kind.kind] = append(rows[e.kind.kind], e)
		}
	}
	return rows, erased
}

var erasedEntities = write.NewTable("erased_entities", "kind text, id text, erased_at timestamptz, covered boolean", write.ReplaceRow("kind, id", ""),
	func(e *toldEntity) []any { return []any{e.kind.kind, e.id, e.at, e.covered} })

// Write implements [fold.Fold]. A key has a row in one of the tables.
func (f *directoryFold) Write(_ context.Context, _ pgx.Tx, last *pgx.Batch) error {
	rows, erased := f.changed()
	gone, back := map[string][]string{}, [2][]string{}
	for _, e := range erased {
		gone[e.kind.kind] = append(gone[e.kind.kind], e.id)
	}
	for i := range entityKinds {
		kind := &entityKinds[i]
		kind.insert.Queue(last, rows[kind.kind])
		if ids := gone[kind.kind]; len(ids) > 0 {
			last.Queue(kind.delete, ids)
		}
		for _, e := range rows[kind.kind] {
			back[0], back[1] = append(back[0], kind.kind), append(back[1], e.id)
		}
	}
	if len(back[0]) > 0 {
		last.Queue(`delete from erased_entities e using unnest($1::text[], $2::text[]) as k(kind, id) where (e.kind, e.id) = (k.kind, k.id)`,
			back[0], back[1])
	}
	erasedEntities.Queue(last, erased)
	return nil
}

// entityKind ties a kind of entity to its table.
type entityKind struct {
	kind    string
	table   string
	numeric bool // its ids are numbers
	insert  write.Table[*toldEntity]
	row     func(domain.DirectoryEntity) []any // the values of the entity, times as the table gives them back
	decode  func(row []byte) (domain.DirectoryEntity, error)
	load    string // the statement that reads rows by a list of ids
	delete  string // the statement that deletes them
}

// kindOf returns the kind of a name; nil: there is none.
func kindOf(name string) *entityKind {
	at := slices.IndexFunc(entityKinds, func(k entityKind) bool { return k.kind == name })
	if at < 0 {
		return nil
	}
	return &entityKinds[at]
}

// holds tells whether an id can be that of an entity of the kind. A number has one spelling only: a tombstone of "07" would delete 7,
// in an order that nothing defines.
func (k *entityKind) holds(id string) bool {
	if !k.numeric {
		return true
	}
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// newKind declares an entity's table, as [write.NewTable]; key is its primary key, which is the first column. The columns are named like the
// members of the entity's JSON. Two more tell when the entity was so, and whether another record lies over it.
func newKind[E domain.DirectoryEntity](name, key, columns string, values func(E) []any) entityKind {
	var zero E
	kind := entityKind{kind: domain.EntityKind(zero), table: name, numeric: strings.HasPrefix(columns, key+" bigint")}
	cast := "text[]"
	if kind.numeric {
		cast = "text[]::bigint[]"
	}
	kind.delete = fmt.Sprintf("delete from %s where %s = any($1::%s)", name, key, cast)
	kind.load = fmt.Sprintf("select %[2]s::text, told_at, covered, to_jsonb(t) from %[1]s t where %[2]s = any($1::%[3]s)", name, key, cast)
	kind.row = func(entity domain.DirectoryEntity) []any {
		of, _ := entity.(E) // decode and Apply put no other under the kind's keys
		row := values(of)
		for i, value := range row {
			switch at := value.(type) {
			case time.Time:
				row[i] = instant(at)
			case *time.Time:
				if at == nil {
					row[i] = nil
				} else {
					row[i] = instant(*at)
				}
			}
		}
		return row
	}
	kind.insert = write.NewTable(name, columns+", told_at timestamptz, covered boolean", write.ReplaceRow(key, ""),
		func(e *toldEntity) []any { return append(kind.row(e.entity), e.at, e.covered) })
	kind.decode = func(row []byte) (domain.DirectoryEntity, error) {
		var entity E
		err := json.Unmarshal(row, &entity)
		return entity, err
	}
	return kind
}

// LogKey implements [fold.Compacted].
func (Directory) LogKey(table string, row map[string]string) (key string, made bool) {
	at := slices.IndexFunc(entityKinds, func(k entityKind) bool { return strings.EqualFold(k.table, table) })
	if at < 0 || len(row) != 1 {
		return "", false
	}
	for _, id := range row {
		return domain.DirectoryKey(entityKinds[at].kind, id), true
	}
	return "", false
}
