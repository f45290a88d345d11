package projectors

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Directory projects topic `directory` into one table per kind of entity. The last record of a key
// counts; a tombstone deletes the row.
var Directory = fold.Projector{
	Name: "directory", Version: 13 + ahead, Topic: domain.TopicDirectory, Tables: tablesOfEntities(),
	Definition: ddl.Of("directory"),
	Begin:      func(int) fold.Fold { return &directoryFold{last: map[string]entityState{}} },
}

func tablesOfEntities() (names []string) {
	for _, kind := range entityKinds {
		names = append(names, kind.table)
	}
	return names
}

type entityState struct {
	kind   string
	id     string
	at     time.Time
	entity domain.DirectoryEntity // nil: the entity is erased
}

type directoryFold struct {
	loadsNothing // no row depends on a stored one

	last map[string]entityState // by key
}

func (d *directoryFold) Apply(ev fold.Event) error {
	kind, id, err := domain.SplitDirectoryKey(ev.Key)
	if err != nil {
		return errWrongKey
	}
	at := slices.IndexFunc(entityKinds, func(k entityKind) bool { return k.kind == kind })
	if at < 0 {
		return errWrongKey
	}
	if !entityKinds[at].valid(id) {
		return errWrongKey
	}
	state := entityState{kind: kind, id: id, at: instant(ev.Envelope.Time)}
	if ev.Data != nil {
		entity, ok := ev.Data.(domain.DirectoryEntity)
		if !ok || domain.EntityKey(entity) != ev.Key {
			return errWrongKey
		}
		state.entity = entity
	}
	d.last[ev.Key] = state
	return nil
}

// Write implements [fold.Fold]. A later record may replace any entity.
func (d *directoryFold) Write(into write.Sink, last bool) error {
	if !last {
		return nil
	}
	rows, erased := map[string][]entityState{}, map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(d.last)) {
		state := d.last[key]
		if state.entity == nil {
			erased[state.kind] = append(erased[state.kind], state.id)
		} else {
			rows[state.kind] = append(rows[state.kind], state)
		}
	}
	for _, kind := range entityKinds {
		kind.insert.Write(into, rows[kind.kind])
		if ids := erased[kind.kind]; len(ids) > 0 {
			into.Exec(kind.delete, ids)
		}
	}
	return nil
}

type entityKind struct {
	kind    string
	table   string
	numeric bool // whether ids are numbers
	insert  write.Table[entityState]
	delete  string // deletes rows by a list of ids
}

// valid reports whether an id is valid for the kind. A number must have its canonical form: a
// tombstone for "07" would delete entity 7, but the log does not order the records of different
// keys.
func (e entityKind) valid(id string) bool {
	if !e.numeric {
		return true
	}
	n, err := strconv.ParseInt(id, 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == id
}

// newKind declares the table of an entity, like [write.NewTable]. key is the primary key, which
// must be the first column. newKind appends column told_at, the time of the record.
func newKind[E domain.DirectoryEntity](name, key, columns string, values func(E) []any) entityKind {
	var zero E
	kind := entityKind{
		kind: domain.EntityKind(zero), table: name, numeric: strings.HasPrefix(columns, key+" bigint"),
	}
	cast := "text[]"
	if kind.numeric {
		cast = "text[]::bigint[]"
	}
	kind.delete = fmt.Sprintf("delete from %s where %s = any($1::%s)", name, key, cast)
	columns += ", told_at timestamptz"
	kind.insert = write.NewTable(name, columns, write.ReplaceRow(key, ""), func(state entityState) []any {
		entity, _ := state.entity.(E) // Apply stores no other type under the kind's keys
		row := values(entity)
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
		return append(row, state.at)
	})
	return kind
}
