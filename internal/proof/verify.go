package proof

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ErrKeyNeeded says that there are checkpoints, and no public key to check them with.
var ErrKeyNeeded = errors.New("there are signed checkpoints: name the public key that they are signed with")

// VerifyConfig says what to verify and against what.
type VerifyConfig struct {
	Source Source
	Parent string         // one agency; "" for all
	Known  note.Verifiers // public keys of checkpoints; nil: none is known
	File   *File          // checkpoints outside of the log; nil: none
	// Every is how often the service signs a checkpoint: the newest must not be older than three times that at Now. 0: its
	// age is not looked at.
	Every time.Duration
	Now   time.Time
	// Witness is what the tables remember; nil: the log alone.
	Witness Witness
	// Progress is told of offsets that are done, those that no record was handed out of included, from several goroutines at a time.
	Progress func(offsets int)
}

// maxNamed bounds how many agencies are looked at in detail; the others are counted.
const maxNamed = 100

// verification is one run of [Verify].
type verification struct {
	VerifyConfig
	ledger *ledger
	book   *book
	held   []partitionVersions // what the witness should know, by partition
	report Report
	folds  bool // changes are held against the fold while the log is read; whoever only proves needs none
}

// Verify reads the whole log once and holds it against itself (every chain), against every checkpoint
// and, where there are tables, against what those remember of it. Deviations are findings of the report; an error means
// that the check could not be made.
//
// Memory: a fixed part, with a witness 4 bytes a record of the log, and the dashboards as they are folded. 48 bytes a record lie in files
// without names in the directory for temporary files until it returns.
func Verify(ctx context.Context, cfg VerifyConfig) (Report, error) {
	v := &verification{VerifyConfig: cfg, folds: true, report: Report{Agency: cfg.Parent, Findings: []Finding{}}}
	if err := v.readCheckpoints(ctx); err != nil {
		return Report{}, err
	}
	defer func() { v.ledger.close() }()
	if cfg.Parent == "" { // of an agency's own run there may be many at once, and each reads little
		defer runtime.KeepAlive(garbageRoom())
	}
	if err := v.readLog(ctx); err != nil {
		return Report{}, err
	}
	v.checkCheckpoints()
	if err := v.checkChains(ctx); err != nil {
		return Report{}, err
	}
	if v.Witness != nil {
		if err := v.checkWitness(ctx); err != nil {
			return Report{}, err
		}
	}
	v.checkDecisions()
	v.checkTimes()
	v.count()
	if err := v.ledger.failed(); err != nil {
		return Report{}, err
	}
	sortFindings(v.report.Findings)
	return v.report, nil
}

// garbageBytes is how much more garbage may lie about than lives, before it is collected.
const garbageBytes = 64 << 20

// garbageRoom is memory that nobody touches, and so takes none from the machine. The collector runs when garbage is as much as what
// lives, and this counts as living: what lives of a verification is little, what it reads and drops is the whole log, and it
// was collected every few megabytes.
func garbageRoom() []byte { return make([]byte, garbageBytes) }

// readCheckpoints comes before the log: what a checkpoint covers is there when the log is read. The file comes before `operations`: a
// checkpoint gets into it from there, so that one which is signed meanwhile is not missing from the log.
func (v *verification) readCheckpoints(ctx context.Context) error {
	var inLog, inFile, torn []sighting
	if v.File != nil {
		var err error
		if inFile, torn, err = v.File.read(); err != nil {
			return err
		}
	}
	if _, err := readOperations(ctx, v.Source, 0, func(s sighting) {
		inLog = append(inLog, s)
	}); err != nil {
		return err
	}
	if len(inLog)+len(inFile) > 0 && v.Known == nil {
		return ErrKeyNeeded
	}
	v.book = newBook(v.Known)
	for _, s := range inLog {
		v.book.add(s, false)
	}
	for _, s := range inFile {
		v.book.add(s, true)
	}
	for _, s := range torn {
		v.book.torn = append(v.book.torn, s.where)
	}
	for _, where := range v.book.torn {
		v.notef("a write was torn at %s: a process was killed there", where)
	}
	return nil
}

func (v *verification) readLog(ctx context.Context) error {
	to, id, err := ends(ctx, v.Source)
	if err != nil {
		return fmt.Errorf("read ends of the log: %w", err)
	}
	v.ledger = newLedger(len(to), id)
	for _, p := range v.ledger.parts {
		if v.folds {
			p.decisions = newDecisions(v.Source, v.Parent)
		}
	}
	err = v.ledger.read(ctx, v.Source, to, v.Progress)
	if errors.Is(err, eventlog.ErrBelowStart) || errors.Is(err, eventlog.ErrGap) {
		v.report.Findings = append(v.report.Findings, found(KindRemoved, "order", "%s", err))
		return nil
	}
	if err != nil {
		return err
	}
	err = v.ledger.readOperationsLog(ctx, v.Source)
	if errors.Is(err, eventlog.ErrBelowStart) || errors.Is(err, eventlog.ErrGap) {
		v.report.Findings = append(v.report.Findings, found(KindRemoved, "order", "operations: %s", err))
		return nil
	}
	return err
}

func (v *verification) checkCheckpoints() {
	v.ledger.check(v.book)
	v.report.Findings = append(v.report.Findings, v.book.faults...)
	v.book.chain() // each entry says from here on whether it counts
	sameRecords := v.ledger.sameRecords(v.book)
	var first *Finding
	for _, e := range v.book.list {
		switch {
		case e.fault == nil:
			v.report.Checkpoints++
			v.signedUpTo(e.Size, e.Time)
		case first != nil:
			first.More++ // the roots of all later ones follow from this one
		default:
			f := *e.fault
			if e.differs && !e.beside && sameRecords(e) {
				f = found(KindReordered, "order", "every record that it covers is there and whole, and the root over the records is another: "+
					"records were swapped, or moved to another place")
			}
			f.Detail = fmt.Sprintf("the checkpoint of %s at %s: %s%s", e.Time.Format(timeLayout), e.where, f.Detail, v.within(e))
			v.report.Findings = append(v.report.Findings, f)
			first = &v.report.Findings[len(v.report.Findings)-1]
		}
		if e.inFile && !e.inLog {
			v.report.Findings = append(v.report.Findings, found(KindCheckpoint, "", "the checkpoint at %s is missing from the log", e.where))
			first = nil // the slice may have moved; what follows is reported by itself
		}
	}
	reported := v.findDisplaced()
	v.noteUncounted(reported)
	v.checkNewest()
}

// within says between which offsets the deviation lies: after the checkpoint before, which holds.
func (v *verification) within(e *entry) string {
	if len(e.Positions) != len(v.ledger.parts) || e.beside {
		return ""
	}
	from := make([]int64, len(v.ledger.parts))
	if prev, ok := v.book.byID[e.Prev]; ok && prev.fault == nil {
		from = prev.Positions
	} else if e.Prev != (tlog.Hash{}) {
		return ""
	}
	var places []string
	for i := range from {
		if e.Positions[i] > from[i] {
			places = append(places, fmt.Sprintf("%d/[%d,%d)", i, from[i], e.Positions[i]))
		}
	}
	return "; the deviation lies in " + strings.Join(places, " ") + " (partition/offsets)"
}

// checkChains names what broke each broken stream.
func (v *verification) checkChains(ctx context.Context) error {
	var agencies []string
	for _, p := range v.ledger.parts {
		for _, s := range p.streams {
			if s.broken && (v.Parent == "" || v.Parent == s.key) {
				agencies = append(agencies, s.key)
			}
		}
	}
	v.noteInvalid()
	if len(agencies) == 0 {
		return nil
	}
	slices.Sort(agencies)
	suspects, err := v.suspects(ctx)
	if err != nil {
		return err
	}
	for i, agency := range agencies {
		if i == maxNamed {
			v.notef("%d more agencies have broken chains; verify them with --parent", len(agencies)-i)
			break
		}
		f, found, err := diagnose(ctx, v.Source, agency, v.ledger.positions(), suspects)
		if err != nil {
			return fmt.Errorf("diagnose %s: %w", agency, err)
		}
		if found {
			v.report.Findings = append(v.report.Findings, f)
		}
	}
	return nil
}

// noteInvalid counts the records that are in no chain. Whoever may produce to the topics can write them; the service skips them, as here.
func (v *verification) noteInvalid() {
	count, first := int64(0), ""
	for _, p := range v.ledger.parts {
		if p.invalid > 0 && first == "" {
			first = fmt.Sprintf("partition %d offset %d: %s", p.number, p.firstInvalid, p.whyInvalid)
		}
		count += p.invalid
	}
	if count > 0 && v.Parent == "" {
		v.notef("invalid records in dashboards, skipped: %d. The first is at %s", count, first)
	}
}

// suspects reads the records that are in no chain: one of them may be what is missing in another.
func (v *verification) suspects(ctx context.Context) ([]eventlog.Record, error) {
	var records []eventlog.Record
	for _, p := range v.ledger.parts {
		for _, offset := range p.strays {
			if len(records) == maxNamed {
				return records, nil
			}
			err := v.Source.Scan(ctx, eventlog.ScanConfig{
				Topic: domain.TopicDashboards, From: map[int32]int64{p.number: offset}, To: map[int32]int64{p.number: offset + 1},
				Handle: each(func(r eventlog.Record) error { records = append(records, r); return nil }),
			})
			if err != nil {
				return nil, fmt.Errorf("read record outside of its chain: %w", err)
			}
		}
	}
	return records, nil
}

// notef notes what could not be checked.
func (v *verification) notef(format string, args ...any) {
	v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
}

func (v *verification) count() {
	r := &v.report
	r.TopicID, r.Positions = v.ledger.topicID.String(), v.ledger.positions()
	for _, p := range v.ledger.parts {
		r.Records += p.records
		r.Effective += int64(p.rows.len())
		r.Stale += p.stale
		for _, s := range p.streams {
			if v.Parent == "" || v.Parent == s.key {
				r.Agencies++
			}
		}
	}
}
