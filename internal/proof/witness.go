package proof

import (
	"context"
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
	v.stands = positions
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
		case v.ledger.parts[at.partition].leaves[at.leaf] == LeafHash(r.Parent, headOf(r)):
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
		if there && v.ledger.parts[at.partition].leaves[at.leaf] == LeafHash(agency, headOf(Remembered{Version: t.head.Version, Hash: t.head.Hash})) {
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

// place is where a version of a stream is in the ledger.
type place struct {
	partition int32
	leaf      int32
}

// versions lists the leaves of each stream: an effective record's version is one more than that of the one before it.
func (l *ledger) versions() map[string][]place {
	streams := map[string][]place{}
	for _, p := range l.parts {
		for leaf, owner := range p.owners {
			key := p.streams[owner].key
			streams[key] = append(streams[key], place{p.number, int32(leaf)})
		}
	}
	return streams
}

// find returns where a version is that the tables should know: records that they have not come to do not count.
func (v *verification) find(agency string, version int64) (place, bool) {
	if version < 1 || version > int64(len(v.streams[agency])) {
		return place{}, false
	}
	at := v.streams[agency][version-1]
	return at, v.ledger.parts[at.partition].offsets[at.leaf] < v.stands[at.partition]
}

// read reads one record of the log again.
func (v *verification) read(ctx context.Context, partition int32, offset int64) (r eventlog.Record, err error) {
	err = v.Source.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, From: map[int32]int64{partition: offset}, To: map[int32]int64{partition: offset + 1},
		Handle: each(func(record eventlog.Record) error { r = record; return nil }),
	})
	return r, err
}
