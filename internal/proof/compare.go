package proof

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// comparison folds the log as the projection does, up to where the tables stand, and compares digests
// per agency. Only agencies that differ are looked at again, record by record.
type comparison struct {
	source    Source
	tables    Tables
	parent    string
	positions map[int32]int64
	parked    map[place]ParkedRow
	parts     []map[string]*agencyFold // by partition and agency: partitions are folded at the same time
}

// place is where a record lies.
type place struct {
	partition int32
	offset    int64
}

// agencyFold is one agency as the log has it, without what the tables set aside.
type agencyFold struct {
	fold
	head     domain.StreamHead
	digests  digests
	commands []CommandRow // those of the last [domain.CommandMemory], and some older ones
	aside    []ParkedRow
	skips    map[place]bool // what operators' records say is skipped
	records  int64
	refused  string // why a record makes no rows; the tables should say so too
}

// digests are an agency's rows by table, each row hashed behind those before it; a table without rows has none.
type digests map[string][sha256.Size]byte

func (d digests) add(table string, row []byte) { d[table] = digest(d[table], row) }

func digest(before [sha256.Size]byte, row []byte) [sha256.Size]byte {
	return sha256.Sum256(append(before[:], row...))
}

// differs returns the tables that hold other rows, sorted.
func (d digests) differs(other digests) (tables []string) {
	for _, table := range []string{"commands", "heads", "history", "notices", "parked", "preferences"} {
		if d[table] != other[table] {
			tables = append(tables, table)
		}
	}
	return tables
}

// remember keeps a command, and now and then forgets those that the tables have forgotten.
func (f *agencyFold) remember(c CommandRow) {
	if len(f.commands) == cap(f.commands) {
		f.commands = f.remembered()
	}
	f.commands = append(f.commands, c)
}

// remembered are the commands that the tables should hold: of each key the last one.
func (f *agencyFold) remembered() []CommandRow {
	type scope struct{ subject, key string }
	last := make(map[scope]int64, len(f.commands))
	for _, c := range f.commands {
		last[scope{c.Subject, c.Key}] = c.Version
	}
	return slices.DeleteFunc(f.commands, func(c CommandRow) bool {
		return c.Time.Before(f.head.Time.Add(-domain.CommandMemory)) || last[scope{c.Subject, c.Key}] != c.Version
	})
}

func newComparison(ctx context.Context, src Source, tables Tables, parent string) (*comparison, error) {
	c := &comparison{source: src, tables: tables, parent: parent}
	var err error
	if c.positions, err = tables.Positions(ctx); err != nil {
		return nil, err
	}
	rows, err := tables.Parked(ctx)
	if err != nil {
		return nil, err
	}
	c.parked = make(map[place]ParkedRow, len(rows))
	for _, row := range rows {
		c.parked[place{row.Partition, row.Offset}] = row
	}
	return c, nil
}

// visit implements [visit].
func (c *comparison) visit(p *partition, key string, r eventlog.Record, head domain.StreamHead) error {
	if r.Offset >= c.positions[p.number] || c.parent != "" && c.parent != key {
		return nil
	}
	f := c.parts[p.number][key]
	if f == nil {
		f = &agencyFold{fold: newFold(key), digests: digests{}, skips: map[place]bool{}}
		c.parts[p.number][key] = f
	}
	f.head = head
	f.records++
	if row, aside := c.parked[place{p.number, r.Offset}]; aside {
		f.aside = append(f.aside, row)
		return nil
	}
	if f.refused != "" {
		return nil
	}
	made, err := c.apply(&f.fold, r, head)
	if err != nil {
		f.refused = fmt.Sprintf("version %d: %s", head.Version, err)
		return nil
	}
	buffer := make([]byte, 0, rowSize)
	for i := range made.rows {
		f.digests.add("history", putHistory(buffer, &made.rows[i]))
	}
	for _, n := range made.notices {
		f.digests.add("notices", putNotice(buffer, n))
	}
	if made.command != nil {
		f.remember(*made.command)
	}
	if made.skips != nil {
		f.skips[place{made.skips.Partition, made.skips.Offset}] = true
	}
	return nil
}

// apply decodes a record and folds it. An error says why it makes no rows.
func (c *comparison) apply(f *fold, r eventlog.Record, head domain.StreamHead) (folded, error) {
	recorded, err := c.source.Decode(r)
	if err != nil {
		return folded{}, err
	}
	return f.apply(recorded, head)
}

// finish adds to the digests what is known only at the end.
func (f *agencyFold) finish() {
	buffer := make([]byte, 0, rowSize)
	f.digests.add("heads", putHead(buffer, TableHead{Version: f.head.Version, Hash: f.head.Hash[:], Time: f.head.Time}))
	for _, id := range slices.Sorted(maps.Keys(f.dashboards)) {
		f.digests.add("preferences", putPreference(buffer, f.dashboards[id]))
	}
	for _, row := range f.remembered() {
		f.digests.add("commands", putCommand(buffer, row))
	}
	if f.unexcused() != nil {
		f.digests.add("parked", nil) // the tables never have the like, so that it differs
	}
}

// unexcused returns the first record that the tables skip without an operator's word in the log.
func (f *agencyFold) unexcused() *ParkedRow {
	for i, row := range f.aside {
		if row.Skipped && !f.skips[place{row.Partition, row.Offset}] {
			return &f.aside[i]
		}
	}
	return nil
}

// addTo adds a table's rows to the digests of their agencies; spell returns a row's agency and its spelling.
func addTo[R any](all map[string]digests, table string, spell func(R) (agency string, row []byte)) func(R) error {
	return func(r R) error {
		agency, row := spell(r)
		if all[agency] == nil {
			all[agency] = digests{}
		}
		all[agency].add(table, row)
		return nil
	}
}

// read returns the digests of the tables by agency.
func (c *comparison) read(ctx context.Context) (map[string]digests, error) {
	all, b := map[string]digests{}, make([]byte, 0, rowSize)
	err := c.tables.Heads(ctx, c.parent, addTo(all, "heads", func(h TableHead) (string, []byte) { return h.Parent, putHead(b, h) }))
	if err == nil {
		err = c.tables.History(ctx, c.parent, 0, maxVersion, addTo(all, "history", func(r HistoryRow) (string, []byte) { return r.Parent, putHistory(b, &r) }))
	}
	if err == nil {
		err = c.tables.Notices(ctx, c.parent, addTo(all, "notices", func(n NoticeRow) (string, []byte) { return n.Parent, putNotice(b, n) }))
	}
	if err == nil {
		err = c.tables.Preferences(ctx, c.parent, addTo(all, "preferences", func(d domain.Dashboard) (string, []byte) { return d.ParentAccount, putPreference(b, d) }))
	}
	if err == nil {
		err = c.tables.Commands(ctx, c.parent, addTo(all, "commands", func(r CommandRow) (string, []byte) { return r.Parent, putCommand(b, r) }))
	}
	return all, err
}

// differing returns the agencies whose tables are not what the log makes of them, each with these tables.
func (c *comparison) differing(ctx context.Context, log map[string]*agencyFold) (map[string][]string, error) {
	tables, err := c.read(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for agency, f := range log {
		f.finish()
		if what := f.digests.differs(tables[agency]); what != nil {
			found[agency] = what
		}
	}
	for agency, rows := range tables {
		if log[agency] == nil {
			found[agency] = rows.differs(nil)
		}
	}
	return found, nil
}

const maxVersion = 1<<63 - 1

// checkTables compares, and names the first record of each agency that differs.
func (v *verification) checkTables(ctx context.Context) error {
	log := map[string]*agencyFold{}
	for _, part := range v.compare.parts {
		maps.Copy(log, part)
	}
	agencies := slices.Sorted(maps.Keys(log))
	for _, agency := range agencies {
		v.report.Compared += log[agency].records
		if aside := log[agency].aside; len(aside) > 0 {
			v.notef("agency %s: the tables set %d records aside, the first at partition %d offset %d (parked, or skipped by an operator); all others are compared",
				agency, len(aside), aside[0].Partition, aside[0].Offset)
		}
	}
	differing, err := v.compare.differing(ctx, log)
	if err != nil {
		return fmt.Errorf("compare with the tables: %w", err)
	}
	for i, agency := range slices.Sorted(maps.Keys(differing)) {
		if i == maxNamed {
			v.notef("%d more agencies differ from the tables; verify them with --parent", len(differing)-i)
			break
		}
		if err := v.explain(ctx, agency, differing[agency], log[agency]); err != nil {
			return fmt.Errorf("compare %s with the tables: %w", agency, err)
		}
	}
	for _, agency := range agencies {
		if reason := log[agency].refused; reason != "" && differing[agency] == nil {
			v.notef("agency %s: %s: no reader can fold it, and the tables have nothing of it either", agency, reason)
		}
	}
	return nil
}
