package proof

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// decisions folds the streams of one partition while they are read, and finds the records that were decided on other
// dashboards than the log gives.
type decisions struct {
	data    func(eventlog.Record) (domain.Data, error)
	parent  string // "": all agencies
	streams map[string]*decisionStream

	findings []Finding
	more     int64 // findings beyond maxNamed
	compared int64
	untold   int64 // changes that do not say what they were decided on
}

// decisionStream is one agency's.
type decisionStream struct {
	fold   fold
	ground grounds
	named  map[string]int // place in findings by dashboard
	blind  int64          // version from which on nothing is compared; 0: all is
}

func newDecisions(src Source, parent string) *decisions {
	return &decisions{data: payloads(src), parent: parent, streams: map[string]*decisionStream{}}
}

// payloads reads the payload of records that are effective, and so have a right envelope: without reading that again where the source can.
func payloads(src Source) func(eventlog.Record) (domain.Data, error) {
	if source, ok := src.(interface {
		DecodeData(r eventlog.Record) (domain.Data, error)
	}); ok {
		return source.DecodeData
	}
	return func(r eventlog.Record) (domain.Data, error) {
		recorded, err := src.Decode(r)
		return recorded.Data, err
	}
}

// take folds an effective record; head is what it makes.
func (d *decisions) take(agency string, r eventlog.Record, head domain.StreamHead) {
	if d.parent != "" && d.parent != agency {
		return
	}
	s := d.streams[agency]
	if s == nil {
		s = &decisionStream{fold: newFold(agency)}
		d.streams[agency] = s
	}
	data, unread := d.data(r)
	done, err := s.ground.take(&s.fold, &domain.Recorded{Offset: r.Offset, Data: data}, unread, head)
	switch {
	case s.ground.stuck || s.ground.blind:
		s.blind = cmp.Or(s.blind, head.Version)
	case err != nil || done.change.Primary == "":
	case done.compared:
		d.compared++
	default:
		d.untold++
	}
	if !s.ground.stuck && !s.ground.blind {
		s.blind = 0
	}
	for _, id := range done.others {
		d.found(s, id, r, head)
	}
}

// found notes a dashboard that a record was decided on and that is another one in the log. One dashboard has one finding.
func (d *decisions) found(s *decisionStream, dashboard string, r eventlog.Record, head domain.StreamHead) {
	if at, known := s.named[dashboard]; known {
		d.findings[at].More++
		return
	}
	if len(d.findings) == maxNamed {
		d.more++
		return
	}
	if s.named == nil {
		s.named = map[string]int{}
	}
	s.named[dashboard] = len(d.findings)
	d.findings = append(d.findings, found(KindDecided, "", "version %d, by %s on %s, was decided on another dashboard %s than the log gives before it: "+
		"either the tables had been edited when this change was made, and it may have taken that over, or the log before it was altered since",
		head.Version, cmp.Or(r.Header("ce_actor"), "nobody"), head.Time.UTC().Format(timeLayout), dashboard).
		of(string(r.Key), head.Version).at(r.Partition, r.Offset))
}

// addDecision adds a finding, unless one of the same agency's log says already that the dashboards before it are not what they were.
func (v *verification) addDecision(f Finding) {
	at := slices.IndexFunc(v.report.Findings, func(earlier Finding) bool {
		return earlier.Agency == f.Agency && earlier.Kind != KindDecided && 0 < earlier.Version && earlier.Version <= f.Version
	})
	if at < 0 {
		v.report.Findings = append(v.report.Findings, f)
		return
	}
	v.report.Findings[at].More++
}

// checkDecisions reports what the fold of the log found while it was read.
func (v *verification) checkDecisions() {
	var more, untold int64
	var blind []string
	for _, p := range v.ledger.parts {
		d := p.decisions
		v.report.Decisions += d.compared
		for _, f := range d.findings {
			v.addDecision(f)
		}
		more, untold = more+d.more, untold+d.untold
		for agency, s := range d.streams {
			if s.blind > 0 {
				blind = append(blind, fmt.Sprintf("%s from version %d on", agency, s.blind))
			}
		}
	}
	if more > 0 {
		v.notef("%d more dashboards were decided on as other ones than the log gives; verify their agencies with --parent", more)
	}
	if untold > 0 {
		v.notef("%d changes do not say what they were decided on: an earlier program wrote them, and they are not compared", untold)
	}
	if len(blind) > 0 {
		v.notef("NOT CHECKED: changes of %d agencies are not held against what they were decided on, because a record cannot be folded, or an "+
			"operator skipped one: %s is the first. An edit of the tables that such a change took over would not show: "+
			"ask the operators why", len(blind), slices.Min(blind))
	}
}
