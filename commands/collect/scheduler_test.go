package collect_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
)

const kind = domain.FetchAccounts

// queue is the due connections of TikTok, or of each platform, as in the vault. The SQL of claims
// has its own tests.
type queue struct {
	mu      sync.Mutex
	due     map[connection]bool
	claimed map[connection]time.Time // end of the claim
	reads   map[domain.Platform]int
}

type connection struct {
	platform domain.Platform
	id       int64
}

// firstNew is the first id of connections that were never read.
const firstNew = 1_000_000

// newQueue returns a queue with connections 1 to n due on each platform.
func newQueue(n int) *queue {
	q := &queue{due: map[connection]bool{}, claimed: map[connection]time.Time{}, reads: map[domain.Platform]int{}}
	q.makeDue(n)
	return q
}

func (q *queue) makeDue(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range domain.Platforms() {
		for id := range n {
			q.due[connection{p, int64(id + 1)}] = true
		}
	}
}

func (q *queue) free(c connection) bool { return q.due[c] && !q.claimed[c].After(time.Now()) }

// claimOf returns a function that claims the due connections of some platforms, the newest first.
func (q *queue) claimOf(
	platforms ...domain.Platform,
) func(context.Context, domain.FetchWanted) (domain.FetchClaim, error) {
	return func(ctx context.Context, wanted domain.FetchWanted) (domain.FetchClaim, error) {
		if !slices.Contains(platforms, wanted.Platform) {
			return domain.FetchClaim{}, nil
		}
		return q.claim(ctx, wanted)
	}
}

func (q *queue) claim(_ context.Context, wanted domain.FetchWanted) (domain.FetchClaim, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	claim := domain.FetchClaim{FetchQueue: wanted.FetchQueue, Until: time.Now().Add(wanted.Lasts)}
	var ids []int64
	for c := range q.due {
		if c.platform == wanted.Platform && q.free(c) && (!wanted.OnlyNew || c.id >= firstNew) {
			ids = append(ids, c.id)
		}
	}
	slices.SortFunc(ids, func(a, b int64) int { return int(b - a) })
	for _, id := range ids[:min(wanted.Limit, len(ids))] {
		q.claimed[connection{wanted.Platform, id}] = claim.Until
		task := domain.FetchTask{}
		task.SocialAccount = id
		claim.Tasks = append(claim.Tasks, task)
	}
	return claim, nil
}

// eachClaimed calls do for each account of a claim that is still valid.
func (q *queue) eachClaimed(claim domain.FetchClaim, do func(connection)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range claim.Accounts() {
		if c := (connection{claim.Platform, id}); q.claimed[c].Equal(claim.Until) {
			do(c)
			delete(q.claimed, c)
		}
	}
	return nil
}

func (q *queue) release(_ context.Context, claim domain.FetchClaim) error {
	return q.eachClaimed(claim, func(connection) {})
}

// read is work that only reads: the connections are no longer due.
func (q *queue) read(_ context.Context, claim domain.FetchClaim) error {
	return q.eachClaimed(claim, func(c connection) {
		delete(q.due, c)
		q.reads[claim.Platform]++
	})
}

func (q *queue) readOf(p domain.Platform) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.reads[p]
}

type work = func(context.Context, domain.FetchClaim) error

// process is a running collect.
type process struct {
	t        testing.TB
	registry *prometheus.Registry
	stop     context.CancelFunc
	ended    chan error
}

// run starts a scheduler like another process. Only TikTok has due connections, unless the
// configuration changes it.
func (q *queue) run(t testing.TB, does work, configure ...func(*collect.Scheduler)) *process {
	t.Helper()
	p := &process{t: t, registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	cfg := collect.Scheduler{
		Claim: q.claimOf(domain.TikTok), Release: q.release, Registerer: p.registry,
		Work: func(ctx context.Context, claim domain.FetchClaim) (time.Duration, error) { return 0, does(ctx, claim) },
		Look: func(context.Context, domain.FetchQueue) error { return nil },
		Schedule: collect.Schedule{
			Every:  map[string]time.Duration{kind: time.Second},
			Woken:  func(domain.FetchQueue) <-chan struct{} { return nil },
			Pauses: func(context.Context) ([]domain.Pause, error) { return nil, nil },
		},
	}
	for _, change := range configure {
		change(&cfg)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	go func() { p.ended <- cfg.Run(ctx) }()
	return p
}

// end stops the scheduler and returns the result of Run.
func (p *process) end() error {
	p.stop()
	return <-p.ended
}

// outcomes returns the number of claims with an outcome.
func (p *process) outcomes(result string) int {
	p.t.Helper()
	n := 0.0
	for key, value := range ledgertest.Metrics(p.t, p.registry) {
		if words := strings.Fields(key); words[0] == "ledgerboard_fetch_claims_total" && slices.Contains(words[1:], result) {
			n += value
		}
	}
	return int(n)
}

// pass waits for a duration of the bubble's clock.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// With two processes and several claims, each connection is read once each time that it is due.
func TestTwoProcessesReadEachConnectionOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 2*collect.ClaimSize + 1
		q := newQueue(n)
		var largest atomic.Int64
		reads := func(ctx context.Context, claim domain.FetchClaim) error {
			largest.Store(max(largest.Load(), int64(len(claim.Accounts()))))
			return q.read(ctx, claim)
		}
		a, b := q.run(t, reads), q.run(t, reads)
		for round := range 3 {
			pass(10 * time.Second)
			require.Equal(t, n*(round+1), q.readOf(domain.TikTok))
			if round < 2 {
				q.makeDue(n)
			}
		}
		require.NoError(t, a.end())
		require.NoError(t, b.end())
		require.LessOrEqual(t, largest.Load(), int64(collect.ClaimSize))
		require.Positive(t, a.outcomes("done")+b.outcomes("done"))
	})
}

// Accounts that become due between two checks are read as soon as the queue is woken.
func TestWokenQueueIsReadImmediately(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		woken := make(chan struct{})
		p := q.run(t, q.read, func(c *collect.Scheduler) {
			c.Every[kind] = 24 * time.Hour
			c.Woken = func(fq domain.FetchQueue) <-chan struct{} {
				if fq.Platform != domain.TikTok { // one channel for all would wake every queue
					return nil
				}
				return woken
			}
		})
		synctest.Wait()
		require.Equal(t, 1, q.readOf(domain.TikTok))
		q.makeDue(1)
		woken <- struct{}{}
		synctest.Wait()
		require.Equal(t, 2, q.readOf(domain.TikTok))
		require.NoError(t, p.end())
	})
}

// What becomes due while all workers are busy is read when one of them is free, not at the next check.
func TestWakeIsKeptWhileWorkersAreBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, woken, goOn := newQueue(0), make(chan struct{}), make(chan struct{})
		p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
			<-goOn
			return q.read(ctx, claim)
		}, func(c *collect.Scheduler) {
			c.Every[kind] = 24 * time.Hour
			c.Woken = func(fq domain.FetchQueue) <-chan struct{} {
				if fq.Platform != domain.TikTok {
					return nil
				}
				return woken
			}
		})
		synctest.Wait()
		began := time.Now()
		const connections = collect.MaxWorkers + 1
		for n := range connections {
			q.makeDue(n + 1) // those before it are claimed
			woken <- struct{}{}
			synctest.Wait()
		}
		for range connections {
			goOn <- struct{}{}
			synctest.Wait()
		}
		require.Equal(t, connections, q.readOf(domain.TikTok))
		require.Equal(t, began, time.Now(), "no time passed")
		require.NoError(t, p.end())
	})
}

func TestSchedulerClaimsNothingUntilReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		var ready atomic.Bool
		p := q.run(t, q.read, func(c *collect.Scheduler) { c.Ready = ready.Load })
		pass(time.Minute)
		require.Zero(t, q.readOf(domain.TikTok))
		ready.Store(true)
		pass(time.Second)
		require.Equal(t, 1, q.readOf(domain.TikTok))
		require.NoError(t, p.end())
	})
}

// A paused platform is not claimed, and no pictures are downloaded from it; the others are. A running
// reading ends soon after the pause starts, and is due after the pause.
func TestPausedPlatformIsNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		var paused, unknown atomic.Bool
		begun, pictures := make(chan domain.Platform, 10), make(chan []domain.Platform, 10)
		p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
			begun <- claim.Platform
			<-ctx.Done()
			return ctx.Err()
		}, func(c *collect.Scheduler) {
			c.Claim = q.claimOf(domain.TikTok, domain.LinkedIn)
			c.Pauses = func(context.Context) ([]domain.Pause, error) {
				pauses := []domain.Pause{{Kind: domain.PausePlatform, Name: domain.LinkedIn.String()}}
				switch {
				case unknown.Load():
					return nil, errors.New("no database")
				case paused.Load():
					pauses = append(pauses, domain.Pause{Kind: domain.PausePlatform, Name: domain.TikTok.String()})
				}
				return pauses, nil
			}
			c.Pictures = func(_ context.Context, from []domain.Platform) error {
				pictures <- from
				return nil
			}
		})
		require.Equal(t, domain.TikTok, <-begun)
		require.Equal(t, []domain.Platform{domain.Facebook, domain.Instagram, domain.TikTok}, <-pictures)
		paused.Store(true)
		pass(time.Minute)
		require.Equal(t, 1, p.outcomes("paused"))
		unknown.Store(true) // an unknown state counts as paused
		paused.Store(false)
		pass(time.Minute)
		require.NoError(t, p.end())
		require.Empty(t, begun)
		require.Positive(t, p.outcomes("not_checked"))
		require.Zero(t, q.readOf(domain.LinkedIn))

		p = q.run(t, q.read)
		synctest.Wait()
		require.Equal(t, 1, q.readOf(domain.TikTok))
		require.NoError(t, p.end())
	})
}

// Connections left over by a failure on our side, including a panic, are due immediately.
func TestFailedReadingReleasesClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(2)
		var attempts atomic.Int64
		p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
			switch attempts.Add(1) {
			case 1:
				return errors.New("boom")
			case 2:
				panic("no page")
			}
			return q.read(ctx, claim)
		})
		pass(10 * time.Second)
		require.NoError(t, p.end())
		require.Equal(t, []int{2, 2, 1}, []int{q.readOf(domain.TikTok), p.outcomes("failed"), p.outcomes("done")})
	})
}

// A reading is canceled when its claim ends. After that, and not before, another process gets the
// connection.
func TestReadingIsCanceledWhenClaimExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		var claims []domain.FetchClaim
		var again time.Time
		p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
			if claims = append(claims, claim); len(claims) == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			again = time.Now()
			return q.read(ctx, claim)
		}, func(c *collect.Scheduler) {
			c.Release = func(context.Context, domain.FetchClaim) error { return nil } // like a process that was killed
		})
		pass(2 * time.Minute)
		require.NoError(t, p.end())
		require.Len(t, claims, 2)
		require.False(t, again.Before(claims[0].Until))
		require.Equal(t, []int{1, 1}, []int{q.readOf(domain.TikTok), p.outcomes("cut")})
	})
}

// A connection that becomes due while the workers are busy with a backlog is read at once.
func TestNewConnectionIsClaimedNextWhileWorkersAreBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const backlog = 20 * collect.ClaimSize
		q, woken := newQueue(backlog), make(chan struct{})
		var mu sync.Mutex
		wake := func() {
			mu.Lock()
			defer mu.Unlock()
			close(woken)
			woken = make(chan struct{})
		}
		var waited []time.Duration
		var due time.Time
		p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
			if slices.ContainsFunc(claim.Accounts(), func(id int64) bool { return id >= firstNew }) {
				q.mu.Lock()
				waited = append(waited, time.Since(due))
				q.mu.Unlock()
			}
			time.Sleep(10 * time.Second)
			return q.read(ctx, claim)
		}, func(c *collect.Scheduler) {
			c.Every[kind] = time.Hour
			c.Woken = func(fq domain.FetchQueue) <-chan struct{} {
				if fq.Platform != domain.TikTok {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				return woken
			}
		})
		pass(15 * time.Second)
		wake() // finds nothing new, and leaves the workers to those that follow
		pass(time.Second)
		added := 0
		add := func(connections int) {
			q.mu.Lock()
			for range connections {
				q.due[connection{domain.TikTok, int64(firstNew + added)}], due = true, time.Now()
				added++
			}
			q.mu.Unlock()
			wake()
		}
		for range 3 {
			add(1)
			pass(time.Second)
		}
		pass(15 * time.Second)
		add(3*collect.ClaimSize + 1) // more than one worker takes at once
		pass(10 * time.Minute)
		require.NoError(t, p.end())
		require.Equal(t, backlog+added, q.readOf(domain.TikTok))
		require.Equal(t, make([]time.Duration, 3+4), waited)
	})
}

// Work ends before its claim, so that what it appends at its end is appended within the claim.
func TestClaimOutlastsAppends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		var left time.Duration
		p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
			<-ctx.Done()
			if left == 0 {
				left = time.Until(claim.Until)
			}
			return ctx.Err()
		})
		pass(2 * time.Minute)
		require.NoError(t, p.end())
		require.GreaterOrEqual(t, left, 10*time.Second)
	})
}

// A platform that hangs, or whose check panics, does not block another; neither do pictures.
func TestPlatformsDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		pictures := make(chan struct{})
		p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
			if claim.Platform == domain.Facebook {
				<-ctx.Done()
				return ctx.Err()
			}
			return q.read(ctx, claim)
		}, func(c *collect.Scheduler) {
			c.DrainTimeout = time.Millisecond
			c.Claim = func(ctx context.Context, wanted domain.FetchWanted) (domain.FetchClaim, error) {
				if wanted.Platform == domain.Instagram {
					panic("no directory")
				}
				return q.claim(ctx, wanted)
			}
			c.Pictures = func(ctx context.Context, _ []domain.Platform) error {
				close(pictures)
				<-ctx.Done()
				return errors.New("the host is unavailable")
			}
		})
		<-pictures
		pass(10 * time.Second)
		require.Equal(t, []int{1, 1}, []int{q.readOf(domain.TikTok), q.readOf(domain.LinkedIn)})
		require.NoError(t, p.end())
		require.Zero(t, q.readOf(domain.Instagram))
		require.Equal(t, 1, p.outcomes("interrupted"), "and its claim was released")
		require.NotContains(t, q.claimed, connection{domain.Facebook, 1})
	})
}

// Run waits for a running reading; work that ignores its cancellation is reported.
func TestRunDrainsReadings(t *testing.T) {
	t.Parallel()
	for ignored, want := range map[time.Duration]error{time.Second: nil, time.Hour: collect.ErrStuck} {
		synctest.Test(t, func(t *testing.T) {
			q := newQueue(1)
			begun := make(chan struct{})
			p := q.run(t, func(ctx context.Context, claim domain.FetchClaim) error {
				close(begun)
				time.Sleep(ignored)
				return errors.Join(ctx.Err(), q.read(ctx, claim))
			})
			<-begun
			require.ErrorIs(t, p.end(), want)
			pass(ignored) // it ends too
			if want == nil {
				require.Equal(t, 1, p.outcomes("done"))
			}
		})
	}
}

// A quota of the whole platform that is used up stops the claims until it has calls again, or until
// something is added; the claims are then smaller.
func TestExhaustedPlatformQuotaStopsClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const perMinute = 10
		q, woken := newQueue(3*collect.ClaimSize), make(chan struct{})
		var claims, claimed int
		began, calls := time.Now(), 0
		p := q.run(t, nil, func(c *collect.Scheduler) {
			c.Every[kind] = time.Hour
			c.Woken = func(fq domain.FetchQueue) <-chan struct{} {
				if fq.Platform != domain.TikTok {
					return nil
				}
				return woken
			}
			c.Work = func(ctx context.Context, claim domain.FetchClaim) (time.Duration, error) {
				claims, claimed = claims+1, claimed+len(claim.Tasks)
				read := min(len(claim.Tasks), perMinute*(1+int(time.Since(began)/time.Minute))-calls)
				calls += read
				done := claim
				done.Tasks = claim.Tasks[:read]
				if err := q.read(ctx, done); err != nil || read == len(claim.Tasks) {
					return 0, err
				}
				return time.Minute, nil
			}
		})
		pass(10*time.Minute + time.Second)
		require.Equal(t, 11*perMinute, q.readOf(domain.TikTok))
		require.Less(t, claims, 11*9)
		require.Less(t, claimed, 11*3*collect.ClaimSize, "claims are smaller after a refusal")
		before := claims
		woken <- struct{}{}
		synctest.Wait()
		require.Greater(t, claims, before, "a new connection is tried at once")
		require.NoError(t, p.end())
	})
}
