package proof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// trace is what one version is on one side: its chain hash and a digest of the rows it made; zero: none.
type trace struct {
	hash   [32]byte
	digest [sha256.Size]byte
	offset int64
}

// sides are the traces of one agency in the log and in the tables.
type sides struct {
	agency      string
	partition   int32
	log, tables map[int64]trace
	logHead     int64
	tableHead   TableHead
}

// explain finds the first version of an agency at which log and tables part, and says what it means.
func (v *verification) explain(ctx context.Context, agency string, what []string, f *agencyFold) error {
	s, err := v.compare.sides(ctx, agency, len(v.ledger.parts))
	if err != nil {
		return err
	}
	// The chain may be broken later than where the tables part from it.
	before := int64(maxVersion)
	if i := slices.IndexFunc(v.report.Findings, func(f Finding) bool { return f.Agency == agency }); i >= 0 {
		before = v.report.Findings[i].Version
		if err := v.enrich(ctx, s, &v.report.Findings[i]); err != nil {
			return err
		}
	}
	for _, version := range s.versions() {
		if version >= before {
			return nil
		}
		l, inLog := s.log[version]
		t, inTables := s.tables[version]
		if inLog && l.digest == t.digest && (!inTables || l.hash == t.hash) {
			continue
		}
		first := v.judgeVersion(s, version)
		if first.Differs == nil {
			first.Differs, err = v.compare.fields(ctx, s, version)
		}
		v.report.Findings = append(v.report.Findings, first)
		return err
	}
	rest := found(KindTables, "", "the history is that of the log, and these tables of the same agency are not (log: version %d; tables: version %d)%s",
		s.logHead, s.tableHead.Version, v.compare.wrong(ctx, f)).of(agency, s.logHead)
	rest.Differs = what
	v.report.Findings = append(v.report.Findings, rest)
	return nil
}

// judgeVersion says what it means that log and tables differ at a version.
func (v *verification) judgeVersion(s sides, version int64) Finding {
	l, inLog := s.log[version]
	t, inTables := s.tables[version]
	var f Finding
	switch {
	case !inLog && version <= v.headOf(s).Version:
		f = found(KindInserted, placeShifted, "the tables folded this record before the offset that they stand at, and it lies behind it now: something was inserted in this partition")
	case !inTables && version > s.tableHead.Version:
		f = found(KindRemoved, placeShifted, "the tables stand behind this record's offset and have not seen it: something was removed in this partition")
	case !inLog && version <= s.tableHead.Version && version > s.logHead:
		f = found(KindTruncated, "tail", "the log ends at version %d of this agency, the tables know versions up to %d", s.logHead, s.tableHead.Version)
	case !inLog:
		f = found(KindTables, "history", "the tables have a version that the log never had (it ends at %d)", s.logHead)
	case !inTables:
		f = found(KindTables, "history", "the tables lack the rows of this record")
	case l.hash == t.hash:
		f = found(KindTables, "", "the record is the one that was projected, and its rows were altered")
	case s.meetAfter(version) || v.vouched(s.partition, l.offset):
		f = found(KindTables, "", "the rows name a hash that the record never had: the rows were altered")
	case version == s.logHead:
		f = found(KindAltered, "", "the last record of the agency is not the one that was projected")
	default:
		f = found(KindRewritten, "", "this record is not the one that was projected, and the chain was made anew from it on, up to version %d", s.logHead)
	}
	if inLog {
		f = f.at(s.partition, l.offset)
	}
	return f.of(s.agency, version)
}

// placeShifted marks findings about records that are whole and lie elsewhere than they did.
const placeShifted = "place"

// headOf returns the end of an agency's stream in the whole log.
func (v *verification) headOf(s sides) domain.StreamHead {
	p := v.ledger.parts[s.partition]
	if n, known := p.index[s.agency]; known {
		return p.streams[n].head
	}
	return domain.StreamHead{}
}

// meetAfter tells whether log and tables agree on a later record, or on the head: as each record names
// the hash of the one before it, the log cannot have been altered before that one.
func (s sides) meetAfter(version int64) bool {
	for later, l := range s.log {
		if t, ok := s.tables[later]; ok && later > version && l.hash == t.hash {
			return true
		}
	}
	l, ok := s.log[s.tableHead.Version]
	return ok && bytes.Equal(l.hash[:], s.tableHead.Hash)
}

// vouched tells whether a checkpoint that holds covers a place in the log.
func (v *verification) vouched(partition int32, offset int64) bool {
	return slices.ContainsFunc(v.book.list, func(e *entry) bool { return e.fault == nil && offset < e.Positions[partition] })
}

func (s sides) versions() []int64 {
	all := slices.AppendSeq(slices.Collect(maps.Keys(s.log)), maps.Keys(s.tables))
	slices.Sort(all)
	return slices.Compact(all)
}

// enrich adds to a finding of the chain what the tables remember of the record.
func (v *verification) enrich(ctx context.Context, s sides, f *Finding) error {
	if f.Kind == KindAltered && slices.Equal(f.Differs, []string{"content"}) {
		fields, err := v.compare.fields(ctx, s, f.Version)
		if err == nil && len(fields) > 0 {
			f.Differs = fields
		}
		return err
	}
	if f.Kind != KindRemoved {
		return nil
	}
	return v.compare.tables.History(ctx, s.agency, f.Version, f.Version, func(r HistoryRow) error {
		if !strings.Contains(f.Detail, "; the tables remember") {
			f.Detail += fmt.Sprintf("; the tables remember it: %s by %s at %s", r.EventType, r.Actor, r.Time.UTC().Format(timeLayout))
		}
		return nil
	})
}

// sides reads both sides of one agency.
func (c *comparison) sides(ctx context.Context, agency string, partitions int) (sides, error) {
	s := sides{agency: agency, log: map[int64]trace{}, tables: map[int64]trace{}}
	s.partition = eventlog.PartitionOf([]byte(agency), int32(partitions))
	err := c.replay(ctx, agency, s.partition, func(r eventlog.Record, head domain.StreamHead, made folded) {
		t := trace{hash: head.Hash, offset: r.Offset}
		for i := range made.rows {
			t.digest = digest(t.digest, putHistory(nil, &made.rows[i]))
		}
		s.log[head.Version], s.logHead = t, head.Version
	})
	if err != nil {
		return s, err
	}
	err = c.tables.History(ctx, agency, 0, maxVersion, func(r HistoryRow) error {
		t := s.tables[r.Version]
		copy(t.hash[:], r.Hash)
		t.digest = digest(t.digest, putHistory(nil, &r))
		s.tables[r.Version] = t
		return nil
	})
	if err != nil {
		return s, err
	}
	return s, c.tables.Heads(ctx, agency, func(h TableHead) error { s.tableHead = h; return nil })
}

// replay folds one agency's effective records up to where the tables stand.
func (c *comparison) replay(ctx context.Context, agency string, partition int32, yield func(eventlog.Record, domain.StreamHead, folded)) error {
	f := newFold(agency)
	cfg := eventlog.ScanConfig{Key: agency, To: map[int32]int64{partition: c.positions[partition]}}
	return effective(ctx, c.source, cfg, len(c.parts), func(r eventlog.Record, head domain.StreamHead) error {
		var made folded
		if _, aside := c.parked[place{partition, r.Offset}]; !aside {
			made, _ = c.apply(&f, r, head) // what makes no rows differs by that
		}
		yield(r, head, made)
		return nil
	})
}
