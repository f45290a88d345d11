package proof

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Witness is what the tables remember of the records of `dashboards`, all from one snapshot: each row of the history has
// the hash of its record. So they tell of a log that was made anew as a whole, or cut off, where no checkpoint covers it
// yet. Whether the rows are what the log gives is not asked here: that is projections' check of tables. Lists come through
// yield, whose error ends them. A parent of "" means all agencies.
type Witness interface {
	// Positions returns the offsets that the tables stand at, by partition.
	Positions(ctx context.Context) (map[int32]int64, error)
	// Heads yields the ends of streams.
	Heads(ctx context.Context, parent string, yield func(TableHead) error) error
	// Records is ordered by agency and version; a record may come several times.
	Records(ctx context.Context, parent string, yield func(Remembered) error) error
}

// TableHead is the end of a stream as the tables have it.
type TableHead struct {
	Parent  string
	Version int64
	Hash    []byte
}

// Remembered is a record as a row of the history remembers it.
type Remembered struct {
	Parent                  string
	Version                 int64
	EventID, EventType      string
	Time                    time.Time
	Actor, Role, OnBehalfOf string
	CommandID, RequestID    string
	Hash                    []byte
}

// testimony is what the tables say of one agency, held against the ledger.
type testimony struct {
	head   TableHead
	last   int64                // newest version of which there is a row
	agreed int64                // newest version of which tables and log have the same hash
	first  *Remembered          // the first of another hash
	about  map[int64]Remembered // those of which findings speak
}

// hear reads the witness.
func (v *verification) hear(ctx context.Context) (map[string]*testimony, error) {
	positions, err := v.Witness.Positions(ctx)
	if err != nil {
		return nil, err
	}
	v.held = make([]partitionVersions, len(v.ledger.parts))
	for i, p := range v.ledger.parts {
		v.held[i] = p.versions(positions[p.number])
	}
	all := map[string]*testimony{}
	of := func(agency string) *testimony {
		if all[agency] == nil {
			all[agency] = &testimony{about: map[int64]Remembered{}}
		}
		return all[agency]
	}
	for i := range v.report.Findings {
		if f := &v.report.Findings[i]; f.Agency != "" {
			of(f.Agency).about[f.Version] = Remembered{}
		}
	}
	if err := v.Witness.Heads(ctx, v.Parent, func(h TableHead) error { of(h.Parent).head = h; return nil }); err != nil {
		return nil, err
	}
	err = v.Witness.Records(ctx, v.Parent, func(r Remembered) error {
		t := of(r.Parent)
		t.last = max(t.last, r.Version)
		if _, asked := t.about[r.Version]; asked {
			t.about[r.Version] = r
		}
		switch at, there := v.find(r.Parent, r.Version); {
		case !there:
		case at.leaf == LeafHash(r.Parent, headOf(r)):
			t.agreed = max(t.agreed, r.Version)
		case t.first == nil:
			t.first = &r
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for agency, t := range all {
		at, there := v.find(agency, t.head.Version)
		if there && at.leaf == LeafHash(agency, headOf(Remembered{Version: t.head.Version, Hash: t.head.Hash})) {
			t.agreed = max(t.agreed, t.head.Version)
		}
	}
	return all, nil
}

func headOf(r Remembered) domain.StreamHead {
	head := domain.StreamHead{Version: r.Version}
	copy(head.Hash[:], r.Hash)
	return head
}

// partitionVersions finds the versions of a partition's streams.
type partitionVersions struct {
	rows [][]int32 // by stream and version-1: an effective record's version is one more than that of the one before it
	// end is the first row that the tables have not come to.
	end int32
}

// versions lists the rows of each stream, 4 bytes a record. stands are the offsets that the tables stand at.
func (p *partition) versions(stands int64) partitionVersions {
	v := partitionVersions{rows: make([][]int32, len(p.streams)), end: int32(p.rows.search(stands))}
	room := make([]int32, p.rows.len())
	for i, s := range p.streams {
		n := s.head.Version
		v.rows[i], room = room[:0:n], room[n:]
	}
	p.rows.each(0, func(at int, x row) bool {
		v.rows[x.owner] = append(v.rows[x.owner], int32(at))
		return true
	})
	return v
}

// versions returns how many versions the log has of an agency, and the rows of those that the tables should know, in p: records that
// they have not come to do not count.
func (v *verification) versions(agency string) (p *partition, all int64, held []int32) {
	p = v.ledger.parts[eventlog.PartitionOf([]byte(agency), int32(len(v.ledger.parts)))]
	stream, known := p.index[agency]
	if !known || v.held == nil {
		return p, 0, nil
	}
	of := v.held[p.number]
	n, _ := slices.BinarySearch(of.rows[stream], of.end)
	return p, int64(len(of.rows[stream])), of.rows[stream][:n]
}

// find returns the row of a version that the tables should know.
func (v *verification) find(agency string, version int64) (at row, there bool) {
	p, _, held := v.versions(agency)
	if version < 1 || version > int64(len(held)) {
		return row{}, false
	}
	return p.rows.at(int(held[version-1])), true
}

// read reads one record of the log again.
func (v *verification) read(ctx context.Context, partition int32, offset int64) (r eventlog.Record, err error) {
	err = v.Source.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, From: map[int32]int64{partition: offset}, To: map[int32]int64{partition: offset + 1},
		Handle: each(func(record eventlog.Record) error { r = record; return nil }),
	})
	return r, err
}
