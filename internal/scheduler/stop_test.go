package scheduler_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

func TestRunningJobIsDrained(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	var cutShort error
	of := newDue(t, db, 1)
	p := run(t, of.use(scheduler.Config{
		DatabaseURL: db.URL,
		Work: func(ctx context.Context, claim domain.FetchClaim) error {
			close(begun)
			<-finish
			cutShort = ctx.Err()
			return of.done(ctx, claim)
		},
	}))
	receive(t, "work", begun)
	p.stop()
	close(finish)
	require.NoError(t, p.end())
	require.NoError(t, cutShort)
	require.Equal(t, 1, rows(t, db.Pool, `kind = 'read_claimed' and state = 'completed'`))
}

// A process that stops gives its claims back: another reads them at once, not at their end.
func TestInterruptedClaimIsReadByTheOther(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 1)
	type begin struct {
		by    int
		claim domain.FetchClaim
	}
	begun := make(chan begin, 10)
	start := func(number int) *process {
		return run(t, of.use(scheduler.Config{
			DatabaseURL: db.URL, DrainTimeout: time.Millisecond, ClaimFor: time.Hour,
			Work: func(ctx context.Context, claim domain.FetchClaim) error {
				begun <- begin{number, claim}
				<-ctx.Done()
				return fmt.Errorf("call platform: %w", ctx.Err())
			},
		}))
	}
	both := []*process{start(0), start(1)}
	first := receive(t, "work", begun)
	require.NoError(t, both[first.by].end())
	second := receive(t, "the other's work", begun)
	require.NotEqual(t, first.by, second.by)
	require.Equal(t, first.claim.Accounts, second.claim.Accounts)
	require.Equal(t, 1, both[first.by].count("jobs_total", "outcome=interrupted"))
}

// victimVariable holds a database URL in the environment of a process that kills itself.
const victimVariable = "LEDGERBOARD_TEST_SCHEDULER_VICTIM"

// victim runs a scheduler whose first work says what it has claimed and kills the process: nobody else could do so before the claim ends, on a
// machine that stands still.
func victim(databaseURL string) {
	pool, err := pgxpool.New(context.Background(), databaseURL)
	if err == nil {
		var s *scheduler.Scheduler
		s, err = scheduler.New(scheduler.Quick((&due{pool: pool}).use(scheduler.Config{
			DatabaseURL: databaseURL, Every: every(time.Second), ClaimFor: victimClaims,
			Platforms: []domain.Platform{domain.TikTok}, Logger: slog.New(slog.DiscardHandler),
			Work: func(_ context.Context, claim domain.FetchClaim) error {
				fmt.Println(claim.Accounts)
				if self, err := os.FindProcess(os.Getpid()); err == nil {
					_ = self.Kill()
				}
				select {}
			},
		})))
		if err == nil {
			err = s.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// victimClaims is how long claims last of a process that kills itself.
const victimClaims = 5 * time.Second

// A process that is killed gives its claims back by their time: nobody need notice that it is dead.
func TestClaimOfAKilledProcessEnds(t *testing.T) {
	t.Parallel()
	db := database(t)
	of := newDue(t, db, 2)
	child := exec.Command(os.Args[0], "-test.run=^$") // this test binary
	child.Env = append(os.Environ(), victimVariable+"="+db.URL)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill() })
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		lines <- line
	}()
	require.Equal(t, "[1 2]\n", receive(t, "the victim's work", lines))
	require.Error(t, child.Wait())
	require.Equal(t, 1, rows(t, db.Pool, `kind = 'read_claimed' and state = 'running'`))
	var until time.Time
	require.NoError(t, db.Pool.QueryRow(t.Context(), `select max(claimed_until) from due.claims`).Scan(&until))
	// The dead leader's term would run for some 15 s more.
	_, err = db.Pool.Exec(t.Context(), `update river.river_leader set expires_at = now() - interval '1 second'`)
	require.NoError(t, err)

	work, attempts := answers(of)
	p := run(t, of.use(scheduler.Config{DatabaseURL: db.URL, Work: work}))
	claim := receive(t, "the same work", attempts)
	require.Equal(t, []int64{1, 2}, claim.Accounts)
	require.True(t, time.Now().After(until.Add(-time.Second)), "not before the claim's end")
	require.NoError(t, p.end())
	require.Empty(t, attempts)
}
