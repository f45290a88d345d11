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

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
)

func TestRunningJobIsDrained(t *testing.T) {
	t.Parallel()
	db := database(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	var cutShort error
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages),
		Work: func(ctx context.Context, _ scheduler.Job) error {
			close(begun)
			<-finish
			cutShort = ctx.Err()
			return nil
		},
	})
	receive(t, "work", begun)
	p.stop()
	close(finish)
	require.NoError(t, p.end())
	require.NoError(t, cutShort)
	require.Equal(t, 1, rows(t, db.Pool, `kind = 'work_shard' and state = 'completed'`))
}

func TestCancelledJobIsWorkedByTheOther(t *testing.T) {
	t.Parallel()
	db := database(t)
	type begin struct {
		by  int
		job scheduler.Job
	}
	begun := make(chan begin, 10)
	start := func(number int) *process {
		return run(t, scheduler.Config{
			DatabaseURL: db.URL, Every: every(t, ages), DrainTimeout: time.Millisecond,
			Work: func(ctx context.Context, job scheduler.Job) error {
				begun <- begin{number, job}
				<-ctx.Done()
				return fmt.Errorf("call platform: %w", ctx.Err())
			},
		})
	}
	both := []*process{start(0), start(1)}
	first := receive(t, "work", begun)
	require.NoError(t, both[first.by].end())
	second := receive(t, "the other's work", begun)
	require.NotEqual(t, first.by, second.by)
	require.Equal(t, first.job, second.job)
	require.Equal(t, 1, both[first.by].count("jobs_total", "outcome=interrupted"))
	require.Equal(t, 1, rows(t, db.Pool, `kind = 'work_shard' and attempt = 1 and errors is null`), "no failure of the job, so no back-off")
}

// victimVariable holds a database URL in the environment of a process that is made to be killed.
const victimVariable = "LEDGERBOARD_TEST_SCHEDULER_VICTIM"

// victim runs a scheduler whose work never ends, and says so.
func victim(databaseURL string) {
	schedule, _ := scheduler.Every(ages)
	s, err := scheduler.New(scheduler.Quick(scheduler.Config{
		DatabaseURL: databaseURL, Every: map[string]scheduler.Schedule{kind: schedule},
		Platforms: []domain.Platform{domain.TikTok}, Shards: shards(1), Logger: slog.New(slog.DiscardHandler),
		Work: func(_ context.Context, job scheduler.Job) error {
			fmt.Println(job.Begin.Format(time.RFC3339), job.Platform, job.Shard)
			select {}
		},
	}))
	if err == nil {
		err = s.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestJobOfAKilledProcessIsWorkedAgain(t *testing.T) {
	t.Parallel()
	db := database(t)
	child := exec.Command(os.Args[0], "-test.run=^$") // this test binary; killed below
	child.Env = append(os.Environ(), victimVariable+"="+db.URL)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		lines <- line
	}()
	told := receive(t, "the victim's work", lines)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	require.NotEmpty(t, told)
	dead := rows(t, db.Pool, `kind = 'work_shard' and state = 'running'`)
	require.Equal(t, 1, dead)
	// The dead leader's term would run for some 15 s more.
	_, err = db.Pool.Exec(t.Context(), `update river.river_leader set expires_at = now() - interval '1 second'`)
	require.NoError(t, err)
	// As if it had died longer ago than a job may last.
	_, err = db.Pool.Exec(t.Context(), `update river.river_job set attempted_at = attempted_at - interval '1 minute' where state = 'running'`)
	require.NoError(t, err)

	worked := make(chan scheduler.Job, 10)
	p := run(t, scheduler.Config{
		DatabaseURL: db.URL, Every: every(t, ages), AttemptTimeout: 10 * time.Second,
		Work: func(_ context.Context, job scheduler.Job) error {
			worked <- job
			return nil
		},
	})
	skipPause(t, db.Pool)
	job := receive(t, "the same work", worked)
	require.Equal(t, told, fmt.Sprintln(job.Begin.Format(time.RFC3339), job.Platform, job.Shard))
	require.NoError(t, p.end())
	require.Empty(t, worked)
}
