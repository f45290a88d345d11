package proof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
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
	parts     [][]*agencyFold // by partition and stream: partitions are folded at the same time
}

// place is where a record lies.
type place struct {
	partition int32
	offset    int64
}

// agencyFold is one agency as the log has it, without what the tables set aside.
type agencyFold struct {
	fold
	head             domain.StreamHead
	history, notices hash.Hash
	commands         []CommandRow // those of the last [domain.CommandMemory], and some older ones
	aside            []ParkedRow
	skips            map[place]bool // what operators' records say is skipped
	records          int64
	refused          string // why a record makes no rows; the tables should say so too
	buffer           []byte
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
func (c *comparison) visit(p *partition, n int32, r eventlog.Record, head domain.StreamHead) error {
	key := p.streams[n].key
	if r.Offset >= c.positions[p.number] || c.parent != "" && c.parent != key {
		return nil
	}
	for len(c.parts[p.number]) <= int(n) {
		c.parts[p.number] = append(c.parts[p.number], nil)
	}
	f := c.parts[p.number][n]
	if f == nil {
		f = &agencyFold{fold: newFold(key), history: sha256.New(), notices: sha256.New()}
		c.parts[p.number][n] = f
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
	made, err := f.apply(c.source.Decode, r, head)
	if err != nil {
		f.refused = fmt.Sprintf("version %d: %s", head.Version, err)
		return nil
	}
	for i := range made.rows {
		f.buffer = putHistory(f.buffer[:0], &made.rows[i])
		f.history.Write(f.buffer)
	}
	for _, n := range made.notices {
		f.buffer = putNotice(f.buffer[:0], n)
		f.notices.Write(f.buffer)
	}
	if made.command != nil {
		f.remember(*made.command)
	}
	if made.skips != nil {
		if f.skips == nil {
			f.skips = map[place]bool{}
		}
		f.skips[place{made.skips.Partition, made.skips.Offset}] = true
	}
	return nil
}

func newFold(parent string) fold {
	return fold{parent: parent, dashboards: map[string]domain.Dashboard{}}
}

// byAgency returns what was folded, by agency.
func (c *comparison) byAgency() map[string]*agencyFold {
	all := map[string]*agencyFold{}
	for _, part := range c.parts {
		for _, f := range part {
			if f != nil {
				all[f.parent] = f
			}
		}
	}
	return all
}

// suspicion is what of an agency differs.
type suspicion map[string]bool // heads, history, preferences, notices, commands, parked

// differing returns the agencies whose tables are not what the log makes of them.
func (c *comparison) differing(ctx context.Context, log map[string]*agencyFold) (map[string]suspicion, error) {
	found := map[string]suspicion{}
	suspect := func(agency, what string) {
		if found[agency] == nil {
			found[agency] = suspicion{}
		}
		found[agency][what] = true
	}
	seen := map[string]bool{}
	err := c.tables.Heads(ctx, c.parent, func(h TableHead) error {
		seen[h.Parent] = true
		f := log[h.Parent]
		if f == nil || f.head.Version != h.Version || !bytes.Equal(f.head.Hash[:], h.Hash) || !f.head.Time.Equal(h.Time) {
			suspect(h.Parent, "heads")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for agency := range log {
		if !seen[agency] {
			suspect(agency, "heads")
		}
	}
	if err := c.digests(ctx, log, suspect); err != nil {
		return nil, err
	}
	if err := c.preferences(ctx, log, suspect); err != nil {
		return nil, err
	}
	if err := c.commands(ctx, log, suspect); err != nil {
		return nil, err
	}
	for agency, f := range log {
		if f.unexcused() != nil {
			suspect(agency, "parked")
		}
	}
	return found, nil
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

// commands compares what the tables remember for repeated requests.
func (c *comparison) commands(ctx context.Context, log map[string]*agencyFold, suspect func(agency, what string)) error {
	var buffer []byte
	sums := map[string]hash.Hash{}
	err := c.tables.Commands(ctx, c.parent, func(row CommandRow) error {
		if sums[row.Parent] == nil {
			sums[row.Parent] = sha256.New()
		}
		buffer = putCommand(buffer[:0], row)
		sums[row.Parent].Write(buffer)
		return nil
	})
	if err != nil {
		return err
	}
	for agency, f := range log {
		sum := sha256.New()
		for _, row := range f.remembered() {
			buffer = putCommand(buffer[:0], row)
			sum.Write(buffer)
		}
		if !sameSum(sum, sums[agency]) {
			suspect(agency, "commands")
		}
		delete(sums, agency)
	}
	for agency := range sums {
		suspect(agency, "commands")
	}
	return nil
}

// digests compares history and notices.
func (c *comparison) digests(ctx context.Context, log map[string]*agencyFold, suspect func(agency, what string)) error {
	var buffer []byte
	history, notices := map[string]hash.Hash{}, map[string]hash.Hash{}
	write := func(sums map[string]hash.Hash, agency string) {
		if sums[agency] == nil {
			sums[agency] = sha256.New()
		}
		sums[agency].Write(buffer)
	}
	err := c.tables.History(ctx, c.parent, 0, maxVersion, func(r HistoryRow) error {
		buffer = putHistory(buffer[:0], &r)
		write(history, r.Parent)
		return nil
	})
	if err != nil {
		return err
	}
	err = c.tables.Notices(ctx, c.parent, func(n NoticeRow) error {
		buffer = putNotice(buffer[:0], n)
		write(notices, n.Parent)
		return nil
	})
	if err != nil {
		return err
	}
	for agency, f := range log {
		if !sameSum(f.history, history[agency]) {
			suspect(agency, "history")
		}
		if !sameSum(f.notices, notices[agency]) {
			suspect(agency, "notices")
		}
		delete(history, agency)
		delete(notices, agency)
	}
	for agency := range history {
		suspect(agency, "history")
	}
	for agency := range notices {
		suspect(agency, "notices")
	}
	return nil
}

const maxVersion = 1<<63 - 1

func sameSum(a, b hash.Hash) bool {
	if b == nil {
		b = sha256.New()
	}
	return bytes.Equal(a.Sum(nil), b.Sum(nil))
}

func (c *comparison) preferences(ctx context.Context, log map[string]*agencyFold, suspect func(agency, what string)) error {
	count := map[string]int{}
	err := c.tables.Preferences(ctx, c.parent, func(d domain.Dashboard) error {
		count[d.ParentAccount]++
		f := log[d.ParentAccount]
		if f == nil {
			suspect(d.ParentAccount, "preferences")
			return nil
		}
		want, ok := f.dashboards[d.SubAccountID]
		if !ok || want.Version != d.Version || !bytes.Equal(putDashboard(nil, &want), putDashboard(nil, &d)) {
			suspect(d.ParentAccount, "preferences")
		}
		return nil
	})
	if err != nil {
		return err
	}
	for agency, f := range log {
		if count[agency] != len(f.dashboards) {
			suspect(agency, "preferences")
		}
	}
	return nil
}

// checkTables compares, and names the first record of each agency that differs.
func (v *verification) checkTables(ctx context.Context) error {
	log := v.compare.byAgency()
	for _, f := range log {
		v.report.Compared += f.records
	}
	for _, agency := range slices.Sorted(maps.Keys(log)) {
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
	for _, agency := range slices.Sorted(maps.Keys(log)) {
		if reason := log[agency].refused; reason != "" && differing[agency] == nil {
			v.notef("agency %s: %s: no reader can fold it, and the tables have nothing of it either", agency, reason)
		}
	}
	return nil
}
