package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
)

// Directory projects topic `directory` into one table per kind of entity. The last record of a key
// in log order counts; a tombstone deletes the row.
type Directory struct{}

// Name implements [Projector].
func (Directory) Name() string { return "directory" }

// Version implements [Projector].
func (Directory) Version() int { return 3 + ahead }

// Topic implements [Projector].
func (Directory) Topic() string { return domain.TopicDirectory }

// Tables implements [Projector].
func (Directory) Tables() []string {
	var names []string
	for _, kind := range entityKinds {
		names = append(names, kind.table)
	}
	return names
}

// Types implements [Projector]: all of the topic.
func (Directory) Types() []string { return nil }

// Definition implements [Projector].
func (p Directory) Definition() ddl.Definition { return ddl.All()[p.Name()] }

// Begin implements [Projector].
func (Directory) Begin(int) Fold {
	return &directoryFold{last: map[string]domain.DirectoryEntity{}, gone: map[string]bool{}}
}

type directoryFold struct {
	needsNothing

	last map[string]domain.DirectoryEntity // by key
	gone map[string]bool                   // keys whose last record is a tombstone
}

// Apply implements [Fold].
func (f *directoryFold) Apply(ev Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	if isHeartbeat(ev) {
		return nil
	}
	kind, id, err := domain.SplitDirectoryKey(ev.Key)
	if err != nil {
		return &ParkError{ReasonRefused, err.Error()}
	}
	at := slices.IndexFunc(entityKinds, func(k entityKind) bool { return k.kind == kind })
	if at < 0 {
		return &ParkError{ReasonRefused, fmt.Sprintf("entities of kind %q are not known", kind)}
	}
	if entityKinds[at].numeric {
		// One spelling only: a tombstone of "07" would delete 7, in an order that nothing defines.
		if n, err := strconv.ParseInt(id, 10, 64); err != nil || n <= 0 || strconv.FormatInt(n, 10) != id {
			return &ParkError{ReasonRefused, fmt.Sprintf("id %q of a %s is not a positive number in its plain form", id, kind)}
		}
	}
	if ev.Data == nil {
		delete(f.last, ev.Key)
		f.gone[ev.Key] = true
		return nil
	}
	entity, ok := ev.Data.(domain.DirectoryEntity)
	if !ok || domain.EntityKey(entity) != ev.Key {
		return &ParkError{ReasonRefused, fmt.Sprintf("payload of type %s is not the entity that key %q names", ev.Envelope.Type, ev.Key)}
	}
	delete(f.gone, ev.Key)
	f.last[ev.Key] = entity
	return nil
}

func (f *directoryFold) byKind() map[string][]domain.DirectoryEntity {
	rows := map[string][]domain.DirectoryEntity{}
	for _, entity := range f.last {
		rows[domain.EntityKind(entity)] = append(rows[domain.EntityKind(entity)], entity)
	}
	return rows
}

// Write implements [Fold].
func (f *directoryFold) Write(_ context.Context, _ pgx.Tx, last *pgx.Batch) error {
	rows, gone := f.byKind(), map[string][]string{}
	for key := range maps.Keys(f.gone) {
		kind, id, _ := domain.SplitDirectoryKey(key) // Apply has split it
		gone[kind] = append(gone[kind], id)
	}
	for _, kind := range entityKinds {
		kind.queue(last, rows[kind.kind])
		if ids := gone[kind.kind]; len(ids) > 0 {
			last.Queue(kind.delete, ids)
		}
	}
	return nil
}

// entityKind ties a kind of entity to its table.
type entityKind struct {
	kind    string
	table   string
	numeric bool // its ids are numbers
	queue   func(*pgx.Batch, []domain.DirectoryEntity)
	copy    func(context.Context, CopyTarget, []domain.DirectoryEntity) error
	delete  string // the statement that deletes rows by a list of ids
}

// newKind declares an entity's table, as [newTable]; key is its primary key, which is the first column.
func newKind[E domain.DirectoryEntity](name, key, columns string, values func(E) []any) entityKind {
	insert := newTable(name, columns, replaceRow(key, ""), values)
	var zero E
	kind := entityKind{kind: domain.EntityKind(zero), table: name, numeric: strings.HasPrefix(columns, key+" bigint")}
	cast := "text[]"
	if kind.numeric {
		cast = "text[]::bigint[]"
	}
	kind.delete = fmt.Sprintf("delete from %s where %s = any($1::%s)", name, key, cast)
	own := func(entities []domain.DirectoryEntity) []E {
		rows := make([]E, 0, len(entities))
		for _, entity := range entities {
			if row, ok := entity.(E); ok {
				rows = append(rows, row)
			}
		}
		return rows
	}
	kind.queue = func(batch *pgx.Batch, entities []domain.DirectoryEntity) { insert.queue(batch, own(entities)) }
	kind.copy = func(ctx context.Context, into CopyTarget, entities []domain.DirectoryEntity) error {
		return copyRows(ctx, into, insert, slices.Values(own(entities)))
	}
	return kind
}
