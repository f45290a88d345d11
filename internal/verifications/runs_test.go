package verifications_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/verifications"
)

const oneAgency, twoAgency = "aa0000000000000000000001", "aa0000000000000000000002"

// counted verifies what it is told to find, once it is let go on, and counts how often it was asked.
type counted struct {
	mu     sync.Mutex
	all    int
	own    []string
	on     chan struct{}
	err    error
	ended  error // why a check ended early
	report proof.Report
}

func (c *counted) wait(ctx context.Context, tell proof.Progress) error {
	tell(proof.StageRecords, 3, 9)
	select {
	case <-c.on:
		return c.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = ctx.Err()
		return ctx.Err()
	}
}

func (c *counted) All(ctx context.Context, tell proof.Progress) (proof.Report, error) {
	c.mu.Lock()
	c.all++
	c.mu.Unlock()
	return c.report, c.wait(ctx, tell)
}

func (c *counted) Own(ctx context.Context, agency string, tell proof.Progress) (proof.Verdict, error) {
	c.mu.Lock()
	c.own = append(c.own, agency)
	c.mu.Unlock()
	return proof.Verdict{Sound: true, Version: 7}, c.wait(ctx, tell)
}

// verifying are runs in a bubble of time, and who starts one.
func verifying(
	t *testing.T, checks *counted,
) (runs *verifications.Runs, stop func(), start func(agency, user, kind string) (api.VerifyRun, error)) {
	t.Helper()
	runs = verifications.New(time.Now, slog.New(slog.DiscardHandler)).By(checks)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); runs.Run(ctx) }()
	stop = func() { cancel(); <-ended }
	return runs, stop, func(agency, user, kind string) (api.VerifyRun, error) {
		asked := api.VerifyAsked{Agency: agency, User: user, Kind: kind}
		run, err := runs.Start(t.Context(), asked, func(context.Context) error { return nil })
		synctest.Wait()
		return run, err
	}
}

// Whoever asks while the whole log is verified, or for five minutes afterwards, joins: it is folded once. Each agency sees its own.
func TestOneRunOfTheWholeLogIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks := &counted{on: make(chan struct{}), report: proof.Report{Findings: []proof.Finding{
			{Kind: proof.KindAltered, Agency: oneAgency, Version: 3, Detail: "a secret of one"}, {Kind: proof.KindCheckpoint, Detail: "of none"},
		}}}
		runs, stop, start := verifying(t, checks)
		defer stop()
		first, err := start(oneAgency, "u1", api.VerifyAll)
		require.NoError(t, err)
		require.Equal(t, api.VerifyWaiting, first.Stage)
		second, err := start(twoAgency, "u2", api.VerifyAll)
		require.NoError(t, err)
		require.Equal(t, first.ID, second.ID)
		require.Equal(t, "records", second.Stage)
		require.EqualValues(t, 3, second.RecordsDone)
		require.EqualValues(t, 9, second.RecordsTotal)
		require.Nil(t, second.Verdict)
		close(checks.on)
		synctest.Wait()
		time.Sleep(time.Minute)
		look := func(agency, user string) api.VerifyRun {
			run, err := runs.Look(api.VerifyAsked{Agency: agency, User: user}, first.ID)
			require.NoError(t, err)
			return run
		}
		one, two := look(oneAgency, "u1"), look(twoAgency, "u2")
		require.Equal(t, api.VerifyDone, one.Stage)
		require.Len(t, one.Verdict.Findings, 1)
		require.Equal(t, 1, one.Verdict.Elsewhere)
		require.Empty(t, two.Verdict.Findings)
		require.Equal(t, 2, two.Verdict.Elsewhere)
		require.False(t, two.Verdict.Sound)
		require.NotContains(t, fmt.Sprint(two.Verdict), "secret")
		require.NotContains(t, fmt.Sprint(two.Verdict), oneAgency)
		_, err = runs.Look(api.VerifyAsked{Agency: twoAgency, User: "u3"}, first.ID)
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "who has not asked")

		third, err := start(twoAgency, "u3", api.VerifyAll)
		require.NoError(t, err)
		require.Equal(t, first.ID, third.ID)
		require.Equal(t, two.StartedAt, third.StartedAt, "it says of when it is")
		require.Equal(t, 1, checks.all)
		time.Sleep(4 * time.Minute)
		_, err = runs.Look(api.VerifyAsked{Agency: twoAgency, User: "u3"}, "")
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		fourth, err := start(twoAgency, "u3", api.VerifyAll)
		require.NoError(t, err)
		require.NotEqual(t, first.ID, fourth.ID)
		require.Equal(t, 2, checks.all)
	})
}

// Runs of agencies wait for each other, few of them, and one that ended is not taken for one of now.
func TestRunsOfAgenciesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks := &counted{on: make(chan struct{})}
		runs, stop, start := verifying(t, checks)
		defer stop()
		first, err := start(oneAgency, "u1", api.VerifyOwn)
		require.NoError(t, err)
		again, err := start(oneAgency, "u2", api.VerifyOwn)
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID, "it runs")
		for n := range 8 {
			_, err := start(fmt.Sprintf("bb000000000000000000000%d", n), "u", api.VerifyOwn)
			require.NoError(t, err)
		}
		_, err = start(twoAgency, "u", api.VerifyOwn)
		require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
		_, err = start(twoAgency, "u", api.VerifyAll)
		require.NoError(t, err, "that is another line")
		require.Equal(t, []string{oneAgency}, checks.own)
		close(checks.on)
		synctest.Wait()
		require.Len(t, checks.own, 9)
		run, err := runs.Look(api.VerifyAsked{Agency: oneAgency, User: "u2"}, "")
		require.NoError(t, err)
		require.EqualValues(t, 7, run.Verdict.Version)
		later, err := start(oneAgency, "u1", api.VerifyOwn)
		require.NoError(t, err)
		require.NotEqual(t, first.ID, later.ID)
	})
}

// What cannot be recorded is not shown; what fails says so without its cause, and is tried anew.
func TestRunsThatFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks := &counted{on: make(chan struct{}), err: errors.New("broker-7 is away")}
		close(checks.on)
		runs, stop, start := verifying(t, checks)
		defer stop()
		asked := api.VerifyAsked{Agency: oneAgency, User: "u1", Kind: api.VerifyAll}
		_, err := runs.Start(t.Context(), asked, func(context.Context) error { return errors.New("not recorded") })
		require.ErrorContains(t, err, "not recorded")
		_, err = runs.Look(asked, "")
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		synctest.Wait()
		require.Zero(t, checks.all, "what is not recorded is not begun")
		for range 2 {
			_, err = start(oneAgency, "u1", api.VerifyAll)
			require.NoError(t, err)
			run, err := runs.Look(asked, "")
			require.NoError(t, err)
			require.Equal(t, api.VerifyFailed, run.Stage)
			require.NotContains(t, run.Failure, "broker-7")
			require.Contains(t, run.Failure, "nothing is proved")
		}
		require.Equal(t, 2, checks.all)
		checks.err = domain.NewError(domain.CodeUnavailable, "No key is known.")
		_, err = start(oneAgency, "u1", api.VerifyAll)
		require.NoError(t, err)
		run, err := runs.Look(asked, "")
		require.NoError(t, err)
		require.Equal(t, "No key is known.", run.Failure)
	})
}

// A run has its place while the look at it is recorded. Who joins it meanwhile gets it also if the first look cannot be recorded, and a place
// that nobody gets is given back.
func TestRunsAreReservedWhileTheLookIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks := &counted{on: make(chan struct{})}
		close(checks.on)
		runs, stop, start := verifying(t, checks)
		defer stop()
		refused := errors.New("not recorded")
		whole := api.VerifyAsked{Agency: oneAgency, User: "u1", Kind: api.VerifyAll}
		_, err := runs.Start(t.Context(), whole, func(context.Context) error {
			synctest.Wait()
			require.Zero(t, checks.all, "it begins once the look is on record")
			_, err := start(twoAgency, "u2", api.VerifyAll)
			require.NoError(t, err)
			require.Equal(t, 1, checks.all)
			return refused
		})
		require.ErrorIs(t, err, refused)
		_, err = runs.Look(whole, "")
		require.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		run, err := runs.Look(api.VerifyAsked{Agency: twoAgency, User: "u2"}, "")
		require.NoError(t, err)
		require.Equal(t, api.VerifyDone, run.Stage)

		var reserve func(n int) error // as many at a time as may wait
		reserve = func(n int) error {
			asked := api.VerifyAsked{Agency: fmt.Sprintf("bb000000000000000000000%d", n), User: "u", Kind: api.VerifyOwn}
			_, err := runs.Start(t.Context(), asked, func(context.Context) error {
				if n < 8 {
					return reserve(n + 1)
				}
				_, err := start(oneAgency, "u1", api.VerifyOwn)
				require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
				return refused
			})
			return err
		}
		for range 2 { // the second time the places are free again
			require.ErrorIs(t, reserve(1), refused)
		}
		synctest.Wait()
		require.Empty(t, checks.own)
	})
}

// A shutdown ends what runs.
func TestShutdownEndsRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		checks := &counted{on: make(chan struct{})}
		runs, stop, start := verifying(t, checks)
		_, err := start(oneAgency, "u1", api.VerifyAll)
		require.NoError(t, err)
		stop()
		require.ErrorIs(t, checks.ended, context.Canceled)
		run, err := runs.Look(api.VerifyAsked{Agency: oneAgency, User: "u1"}, "")
		require.NoError(t, err)
		require.Equal(t, api.VerifyFailed, run.Stage)
		require.Contains(t, run.Failure, "stopped")
	})
}
