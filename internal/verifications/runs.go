package verifications

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

const (
	// verifyKept is how long what a run found is told: of the whole log also to whoever asks anew, so that many auditors cost one run.
	verifyKept = 5 * time.Minute
	// maxVerifyWaiting bounds the runs of agencies that wait for their turn.
	maxVerifyWaiting = 8
	// maxVerifyKept bounds the runs that are remembered.
	maxVerifyKept = 1000
)

// What is said to people whose run cannot be started, shown or ended.
var (
	errVerifyBusy = &domain.Error{
		Code: domain.CodeUnavailable, RetryAfter: 60,
		Message: "Others wait for their verification already, and one is made at a time. Ask again in a minute.",
	}
	errVerifyUnknown = domain.NewError(domain.CodeNotFound, "This process knows no such verification of yours: what it found is told for five minutes, "+
		"to whoever started or joined it. Start one with POST /api/audit/verify.")
)

const (
	verifyBroke   = "The check could not be made: nothing is proved and nothing is refuted. Start it again; if it fails again, tell the operators."
	verifyStopped = "The service was stopped before the check was made: nothing is proved and nothing is refuted. Start it again."
)

// Checks verifies; *proof.Checker does.
type Checks interface {
	Own(ctx context.Context, agency string, tell proof.Progress) (proof.Verdict, error)
	All(ctx context.Context, tell proof.Progress) (proof.Report, error)
}

// Runs are the verifications that auditors ask for. They run beside the requests, in [Runs.Run]: one of the whole log at a
// time, which all who ask meanwhile and for a while afterwards share, and one of an agency's stream at a time. It implements
// [api.Verifier].
type Runs struct {
	checks Checks
	now    func() time.Time
	logger *slog.Logger

	whole, streams chan *verifyRun // that wait

	mu     sync.Mutex
	runs   []*verifyRun // in the order of their beginning
	newest map[verifyViewer]*verifyRun
}

// verifyViewer is somebody who may see a run.
type verifyViewer struct{ agency, user string }

// verifyRun is a run; [Runs] guards it.
type verifyRun struct {
	id, kind, agency string // agency "": of the whole log
	viewers          map[verifyViewer]bool

	recording int  // lookers whose look is being recorded
	inLine    bool // it has its place in line, or had it: the look of somebody is on record

	stage          string
	done, total    int64
	started, ended time.Time // zero: not yet
	failure        string
	verdict        func(agency string) proof.Verdict // nil unless it is done
}

// New returns what nothing runs in yet; [Runs.By] comes before the first run.
func New(now func() time.Time, logger *slog.Logger) *Runs {
	return &Runs{
		now: now, logger: logger, newest: map[verifyViewer]*verifyRun{},
		whole: make(chan *verifyRun, 1), streams: make(chan *verifyRun, maxVerifyWaiting),
	}
}

// By says what verifies. The keys of checkpoints are known to whoever puts the HTTP layer together, and Run may have begun before.
func (v *Runs) By(checks Checks) *Runs {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checks = checks
	return v
}

// Run makes the verifications that are asked for, until ctx is done, which also ends those that are being made.
func (v *Runs) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, waiting := range []chan *verifyRun{v.whole, v.streams} {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case run := <-waiting:
					v.verify(ctx, run)
				}
			}
		})
	}
	wg.Wait()
}

// Start implements [api.Verifier]. A new run has its place from the beginning, and gets in line once a look at it is on record.
func (v *Runs) Start(ctx context.Context, asked api.VerifyAsked, record func(ctx context.Context) error) (api.VerifyRun, error) {
	run, err := v.join(asked)
	if err != nil {
		return api.VerifyRun{}, err
	}
	err = record(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	run.recording--
	if err != nil {
		if !run.inLine && run.recording == 0 {
			v.runs = slices.DeleteFunc(v.runs, func(other *verifyRun) bool { return other == run })
		}
		return api.VerifyRun{}, err
	}
	if !run.inLine {
		run.inLine = true
		v.line(run.kind) <- run // it has a place: join counted it
	}
	viewer := verifyViewer{asked.Agency, asked.User}
	run.viewers[viewer], v.newest[viewer] = true, run
	return run.of(asked.Agency), nil
}

// line is where runs of a kind wait.
func (v *Runs) line(kind string) chan *verifyRun {
	if kind == api.VerifyAll {
		return v.whole
	}
	return v.streams
}

// join returns the run that answers what is asked, and reserves a place for a new one where there is none.
func (v *Runs) join(asked api.VerifyAsked) (*verifyRun, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forget()
	agency := asked.Agency
	if asked.Kind == api.VerifyAll {
		agency = ""
	}
	waiting := 0
	for _, run := range slices.Backward(v.runs) {
		if run.kind == asked.Kind && run.started.IsZero() {
			waiting++
		}
		if run.kind != asked.Kind || run.agency != agency {
			continue
		}
		// An agency's own costs little, and who asks again wants the state of now.
		if run.ended.IsZero() || asked.Kind == api.VerifyAll && run.verdict != nil {
			run.recording++
			return run, nil
		}
	}
	if waiting == cap(v.line(asked.Kind)) {
		return nil, errVerifyBusy
	}
	run := &verifyRun{id: newVerifyID(), kind: asked.Kind, agency: agency, viewers: map[verifyViewer]bool{}, recording: 1, stage: api.VerifyWaiting}
	v.runs = append(v.runs, run)
	return run, nil
}

// Look implements [api.Verifier].
func (v *Runs) Look(asked api.VerifyAsked, id string) (api.VerifyRun, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forget()
	viewer := verifyViewer{asked.Agency, asked.User}
	if run := v.newest[viewer]; id == "" && run != nil {
		return run.of(asked.Agency), nil
	}
	for _, run := range v.runs {
		if run.id == id && run.viewers[viewer] {
			return run.of(asked.Agency), nil
		}
	}
	return api.VerifyRun{}, errVerifyUnknown
}

// forget drops what ended a while ago, and of many the oldest.
func (v *Runs) forget() {
	ended := 0
	for _, run := range v.runs {
		if !run.ended.IsZero() {
			ended++
		}
	}
	v.runs = slices.DeleteFunc(v.runs, func(run *verifyRun) bool {
		gone := !run.ended.IsZero() && (v.now().Sub(run.ended) >= verifyKept || ended > maxVerifyKept)
		if !gone {
			return false
		}
		ended--
		for viewer := range run.viewers {
			if v.newest[viewer] == run {
				delete(v.newest, viewer)
			}
		}
		return true
	})
}

// verify makes a run.
func (v *Runs) verify(ctx context.Context, run *verifyRun) {
	v.mu.Lock()
	run.started = v.now()
	checks := v.checks
	v.mu.Unlock()
	tell := func(stage proof.Stage, done, total int64) {
		v.mu.Lock()
		defer v.mu.Unlock()
		run.stage, run.done, run.total = string(stage), max(run.done, done), total
	}
	var verdict func(agency string) proof.Verdict
	var err error
	if run.kind == api.VerifyAll {
		var report proof.Report
		report, err = checks.All(ctx, tell)
		verdict = report.Verdict
	} else {
		var own proof.Verdict
		own, err = checks.Own(ctx, run.agency, tell)
		verdict = func(string) proof.Verdict { return own }
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if run.ended = v.now(); err == nil {
		run.stage, run.done, run.verdict = api.VerifyDone, run.total, verdict
		return
	}
	run.stage, run.failure = api.VerifyFailed, v.failed(ctx, err)
}

// failed is what people are told of a run that could not be made.
func (v *Runs) failed(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return verifyStopped
	}
	v.logger.ErrorContext(ctx, "a verification that an auditor asked for could not be made", "error", err)
	if said, ok := errors.AsType[*domain.Error](err); ok {
		return cmp.Or(said.Message, verifyBroke)
	}
	return verifyBroke
}

// of is what an agency is told of the run.
func (r *verifyRun) of(agency string) api.VerifyRun {
	told := api.VerifyRun{ID: r.id, Kind: r.kind, Stage: r.stage, RecordsDone: r.done, RecordsTotal: r.total, Failure: r.failure}
	if !r.started.IsZero() {
		told.StartedAt = new(r.started.UTC())
	}
	if !r.ended.IsZero() {
		told.FinishedAt = new(r.ended.UTC())
	}
	if r.verdict != nil {
		told.Verdict = api.NewVerifyResult(r.verdict(agency))
	}
	return told
}

// newVerifyID is an id that nobody guesses.
func newVerifyID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // it never fails
	return hex.EncodeToString(id)
}
