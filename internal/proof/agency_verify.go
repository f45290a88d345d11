package proof

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Stage is what a verification of a running service is at.
type Stage string

// The stages, in their order.
const (
	StageCheckpoints Stage = "checkpoints" // signed statements are read
	StageRecords     Stage = "records"     // records are read
	StageFindings    Stage = "findings"    // all are read, and what they say is held against each other
)

// Progress is told of how far a verification is: of records by their offsets, from several goroutines at a time.
type Progress func(stage Stage, done, total int64)

// Checker verifies for whoever asks a running service. It writes nothing.
type Checker struct {
	prover *Prover
	every  time.Duration
	now    func() time.Time
	heads  keptHeads
}

// NewChecker returns a checker of the prover's log with the prover's keys. every is how often the service signs; see
// [VerifyConfig.Every].
func NewChecker(prover *Prover, every time.Duration, now func() time.Time) *Checker {
	return &Checker{prover: prover, every: every, now: now}
}

// All verifies the whole log, as [Verify] does without tables. It takes its turn among the prover's bundles: one at a time holds the memory
// that the whole log needs. However many wait for bundles, it waits too: whoever calls it has one run at a time, which many share.
func (c *Checker) All(ctx context.Context, tell Progress) (report Report, err error) {
	known, err := c.prover.known()
	if err != nil {
		return report, err
	}
	err = c.prover.inTurn(ctx, func() error {
		tell(StageCheckpoints, 0, 0)
		total, err := offsetsOf(ctx, c.prover.source)
		if err != nil {
			return err
		}
		var done atomic.Int64
		report, err = Verify(ctx, VerifyConfig{
			Source: c.prover.source, Known: known, File: c.prover.file, Every: c.every, Now: c.now(),
			Progress: func(offsets int) {
				stage, read := StageRecords, done.Add(int64(offsets))
				if read >= total {
					stage = StageFindings
				}
				tell(stage, min(read, total), total)
			},
		})
		return err
	})
	return report, err
}

// offsetsOf is how many offsets the log of dashboards has.
func offsetsOf(ctx context.Context, src Source) (n int64, err error) {
	ranges, _, err := src.Ranges(ctx, domain.TopicDashboards)
	for _, r := range ranges {
		n += r.End - r.Start
	}
	return n, err
}

// own is one run of [Checker.Own].
type own struct {
	verification // of which it takes checkpoints and the report

	ranges   []eventlog.PartitionRange
	topicID  eventlog.TopicID
	tip      *entry // the newest checkpoint that counts; nil: none
	home     int32  // the agency's partition
	listed   map[int64]*entry
	head     domain.StreamHead
	covered  domain.StreamHead // the last one that the tip covers
	mistimed []Finding
}

// Own verifies one agency's stream: its chain, what its changes were decided on, and that the newest checkpoint covers it. That signs the
// tree over the ends of all streams, and the end of this one names all records before it: nobody can alter, drop or add one that lies before.
//
// It reads the agency's partition, and of the others what the ends of streams need: the log up to the newest checkpoint at the
// first call, what came since at later ones. Memory: 49 bytes a record of the agency, its dashboards as they are folded, and some
// 150 bytes an agency of the log.
func (c *Checker) Own(ctx context.Context, agency string, tell Progress) (Verdict, error) {
	known, err := c.prover.known()
	if err != nil {
		return Verdict{}, err
	}
	tell(StageCheckpoints, 0, 0)
	v := &own{}
	v.VerifyConfig = VerifyConfig{Source: c.prover.source, Parent: agency, Known: known, File: c.prover.file, Every: c.every, Now: c.now()}
	if err := v.openCheckpoints(ctx); err != nil {
		return Verdict{}, err
	}
	home := v.ranges[v.home]
	done, total := atomic.Int64{}, home.End-home.Start
	if v.tip != nil {
		total += c.heads.left(v.topicID, v.tip.Positions)
	}
	read := func(offsets int64) { tell(StageRecords, min(done.Add(offsets), total), total) }
	read(0)
	if err := v.stream(ctx, read); err != nil {
		return Verdict{}, err
	}
	signed, err := v.prove(ctx, &c.heads, read)
	if err != nil {
		return Verdict{}, err
	}
	tell(StageFindings, total, total)
	v.report.Findings = append(v.report.Findings, v.mistimed...)
	sortFindings(v.report.Findings)
	verdict := Verdict{
		Sound: v.report.OK(), Findings: v.report.Findings, Notes: v.report.Notes, Version: v.head.Version, Records: v.report.Effective,
	}
	if signed {
		verdict.Covered, verdict.SignedAt = v.covered.Version, v.tip.Time
	}
	return verdict, nil
}

// openCheckpoints reads the checkpoints and where the log ends. What is wrong with a checkpoint is of no agency alone, and all that this
// verification can rest on: each agency is told.
func (v *own) openCheckpoints(ctx context.Context) (err error) {
	if err := v.readCheckpoints(ctx); err != nil {
		return err
	}
	v.report.Findings = append([]Finding{}, v.book.faults...)
	v.tip = v.book.tip()
	for _, e := range v.book.list {
		if e.inFile && !e.inLog {
			v.report.Findings = append(v.report.Findings, found(KindCheckpoint, "", "the checkpoint at %s is missing from the log", e.where))
		}
	}
	v.findDisplaced()
	v.report.Findings = append(v.report.Findings, v.restores()...)
	v.checkNewest()
	if v.ranges, v.topicID, err = v.Source.Ranges(ctx, domain.TopicDashboards); err != nil {
		return fmt.Errorf("read ends of the log: %w", err)
	}
	v.home = eventlog.PartitionOf([]byte(v.Parent), int32(len(v.ranges)))
	v.listed = map[int64]*entry{}
	for _, e := range v.book.list {
		for _, place := range e.OutOfTime.Places {
			if e.counts && place.Topic == domain.TopicDashboards && place.Partition == v.home {
				v.listed[place.Offset] = e
			}
		}
	}
	return nil
}

// keyless begins the note of [Verify] for whoever gives it no key. The stream alone is verified so; the checkpoints are held against it here.
const keyless = "no key of checkpoints was given"

// stream verifies the agency's records against each other.
func (v *own) stream(ctx context.Context, read func(offsets int64)) error {
	next := v.ranges[v.home].Start
	source := &agencySource{Source: v.Source, agency: v.Parent, read: func(run eventlog.Run) {
		for _, r := range run.Records {
			v.see(r)
		}
		read(run.Next - next)
		next = run.Next
	}}
	report, err := Verify(ctx, VerifyConfig{Source: source, Parent: v.Parent})
	if err != nil {
		return err
	}
	read(max(0, v.ranges[v.home].End-next))
	v.report.Effective = report.Effective
	v.report.Findings = append(v.report.Findings, report.Findings...)
	v.report.Notes = append(v.report.Notes, slices.DeleteFunc(report.Notes, func(n string) bool { return strings.HasPrefix(n, keyless) })...)
	return nil
}

// see follows the chain to what the newest checkpoint covers.
func (v *own) see(r eventlog.Record) {
	verdict, head, _ := eventlog.Judge(v.head, r, int32(len(v.ranges)))
	if verdict != eventlog.Effective {
		return
	}
	v.head = head
	if v.tip != nil && int(r.Partition) < len(v.tip.Positions) && r.Offset < v.tip.Positions[r.Partition] {
		v.covered = head
	}
	if e := v.listed[r.Offset]; e != nil {
		f := outOfTimeFinding(e, domain.Position{Topic: domain.TopicDashboards, Partition: r.Partition, Offset: r.Offset}, head.Time.UTC().Truncate(time.Second))
		v.mistimed = append(v.mistimed, f.of(v.Parent, head.Version))
	}
}

// prove tells whether the newest checkpoint covers the stream as it is. That it does not is a finding, unless one says so already.
func (v *own) prove(ctx context.Context, heads *keptHeads, read func(offsets int64)) (signed bool, err error) {
	switch {
	case v.tip == nil: // a finding, see checkNewest
		return false, nil
	case len(v.tip.Positions) != len(v.ranges):
		v.missedf("it covers %d partitions, the topic has %d", len(v.tip.Positions), len(v.ranges))
		return false, nil
	}
	if end, was := v.ranges[v.home].End, v.tip.Positions[v.home]; end < was {
		v.report.Findings = append(v.report.Findings, found(KindTruncated, "tail", "the end was cut off: the partition of this agency ends at "+
			"offset %d, and was signed up to %d", end, was).at(v.home, end))
		return false, nil
	}
	if slices.ContainsFunc(v.report.Findings, func(f Finding) bool { return f.Agency == v.Parent && f.Kind != KindDecided }) {
		return false, nil // it is not the stream that was signed
	}
	for i, r := range v.ranges {
		if r.End < v.tip.Positions[i] {
			v.missedf("the log is shorter now, in a part where this agency has no records")
			return false, nil
		}
	}
	proved, kept, err := heads.proves(ctx, v.Source, v.topicID, v.tip.Checkpoint, v.Parent, v.covered, read)
	switch {
	case errors.Is(err, eventlog.ErrBelowStart) || errors.Is(err, eventlog.ErrGap):
		heads.doubt(v.tip.Positions)
		v.missedf("records are missing, in a part of the log where this agency has none")
		return false, nil
	case err != nil || proved:
		return proved, err
	}
	return false, v.blame(ctx, heads, kept)
}

// blame says whose end is another one than was signed, as far as it can be told here.
func (v *own) blame(ctx context.Context, heads *keptHeads, kept domain.StreamHead) error {
	exchanged, _, err := heads.proves(ctx, v.Source, v.topicID, v.tip.Checkpoint, v.Parent, kept, func(int64) {})
	if err != nil {
		return err
	}
	heads.doubt(v.tip.Positions) // what it was held against may be no evidence any more
	if exchanged {
		v.report.Findings = append(v.report.Findings, found(KindRewritten, "tail", "the last record that the checkpoint of %s covers is not the one that this "+
			"service had read before, at version %d, and that one was signed", v.tip.Time.Format(timeLayout), kept.Version).of(v.Parent, v.covered.Version))
		return nil
	}
	v.missedf("the end of a stream was cut off or replaced: of this agency, or of another one. A verification of the whole log tells which, to " +
		"the agency that it is of")
	return nil
}

// missedf reports that the newest checkpoint does not hold.
func (v *own) missedf(format string, args ...any) {
	f := found(KindCheckpoint, "", format, args...)
	f.Detail = fmt.Sprintf("the newest checkpoint, of %s, does not bear out the log, and so proves nothing of this agency: %s", v.tip.Time.Format(timeLayout), f.Detail)
	v.report.Findings = append(v.report.Findings, f)
}
