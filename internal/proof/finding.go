package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what happened to a record, as far as the evidence tells.
type Kind string

// The kinds of findings, the gravest evidence first.
const (
	KindAltered    Kind = "altered"                 // a record's bytes are not those that were chained
	KindRemoved    Kind = "removed"                 // records are missing between two others
	KindInserted   Kind = "inserted"                // a record stands where the chain went on from another one
	KindReordered  Kind = "reordered"               // a record lies before its predecessor
	KindTruncated  Kind = "truncated"               // the end is missing
	KindRewritten  Kind = "rewritten"               // the chain holds, and is not the one that was seen before
	KindDecided    Kind = "decided on other tables" // a change was decided on dashboards that the log does not give
	KindTables     Kind = "tables"                  // the read model says something else than the log
	KindOutOfTime  Kind = "out of time"             // a record cannot be of the time that it says
	KindCheckpoint Kind = "checkpoint"              // a signed statement that the log does not bear out, or that is forged
	KindBundle     Kind = "bundle"                  // a bundle is damaged or does not prove what it says
)

// Finding is one deviation. Version, Partition and Offset name the record, where there is one.
type Finding struct {
	Kind      Kind     `json:"kind"`
	Agency    string   `json:"agency,omitempty"`
	Version   int64    `json:"version,omitempty"` // 0: no one version
	Partition *int32   `json:"partition,omitempty"`
	Offset    *int64   `json:"offset,omitempty"`
	Differs   []string `json:"differs,omitempty"` // data, time, actor, a header's name, order, tail …
	Detail    string   `json:"detail"`
	// More counts further deviations of the same agency, which follow from the first or come after it.
	More int64 `json:"more,omitempty"`
}

// String is the finding as one line for people.
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(string(f.Kind)))
	if f.Agency != "" {
		b.WriteString(" agency " + f.Agency)
	}
	if f.Version > 0 {
		fmt.Fprintf(&b, " version %d", f.Version)
	}
	if f.Partition != nil && f.Offset != nil {
		fmt.Fprintf(&b, " (partition %d offset %d)", *f.Partition, *f.Offset)
	}
	b.WriteString(": ")
	if len(f.Differs) > 0 {
		b.WriteString("[" + strings.Join(f.Differs, ", ") + "] ")
	}
	b.WriteString(f.Detail)
	if f.More > 0 {
		fmt.Fprintf(&b, " (and %d more after it)", f.More)
	}
	return b.String()
}

// found makes a finding; a deviation that has no one name differs in "".
func found(kind Kind, differs, format string, args ...any) Finding {
	f := Finding{Kind: kind, Detail: fmt.Sprintf(format, args...)}
	if differs != "" {
		f.Differs = []string{differs}
	}
	return f
}

// of sets whose record it is.
func (f Finding) of(agency string, version int64) Finding {
	f.Agency, f.Version = agency, version
	return f
}

// at sets the place of a finding.
func (f Finding) at(partition int32, offset int64) Finding {
	f.Partition, f.Offset = &partition, &offset
	return f
}

// Report is the outcome of [Verify].
type Report struct {
	Agency      string `json:"agency,omitempty"` // "" for all
	Records     int64  `json:"records"`          // read, of all agencies: the tree covers them all
	Effective   int64  `json:"effective"`
	Stale       int64  `json:"stale"` // lost races and duplicates: they mean nothing
	Agencies    int64  `json:"agencies"`
	Checkpoints int    `json:"checkpoints"` // that hold
	Covered     int64  `json:"covered"`     // effective records that a checkpoint covers
	// SignedAt is when the checkpoint that covers them was signed, by the signer's clock; nil: none holds.
	SignedAt  *time.Time `json:"signed_at"`
	Compared  int64      `json:"compared"`  // records compared with the tables
	Decisions int64      `json:"decisions"` // changes whose dashboards were, when they were decided, what the log gives
	TopicID   string     `json:"topic_id"`
	Positions []int64    `json:"positions"` // read up to
	Findings  []Finding  `json:"findings"`
	Notes     []string   `json:"notes,omitempty"` // what could not be checked, and why
}

// OK reports whether nothing was found.
func (r Report) OK() bool { return len(r.Findings) == 0 }

// sortFindings puts those first that name a record.
func sortFindings(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(vague(a), vague(b)),
			cmp.Compare(a.Agency, b.Agency),
			cmp.Compare(a.Version, b.Version),
		)
	})
}

func vague(f Finding) int {
	switch {
	case slices.Contains(f.Differs, placeShifted):
		return 2
	case f.Agency != "" && f.Version > 0:
		return 0
	case f.Offset != nil:
		return 1
	case f.Agency != "":
		return 2
	default:
		return 3
	}
}
