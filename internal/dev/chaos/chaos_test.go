package chaos_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/draws"
)

// lastsVariable of the environment says for how long there are faults.
const lastsVariable = "LEDGERBOARD_CHAOS"

const perRole = 2

// lasts is for how long there are faults; without the variable the test is left out.
func lasts(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(lastsVariable)
	if text == "" {
		t.Skipf("left out: %s is not set (make chaos)", lastsVariable)
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err, lastsVariable)
	return d
}

// TestChaos breaks one part after the other under load: nothing acknowledged is lost or doubled.
func TestChaos(t *testing.T) {
	c := newRun(t)
	c.employ()
	for end := time.Now().Add(c.lasts); time.Now().Before(end); {
		c.next()
	}
	c.rest()
	c.report()
}

type run struct {
	*stack

	lasts     time.Duration
	seed      uint64
	rng       *rand.Rand
	began     time.Time
	clients   *clients
	listeners []*listener
	everybody []string // who writes and reads, by whose names they get something done
	deck      []fault
	operator  string
	injected  map[string]int
	open      []string                 // faults after which somebody could do nothing, however long that was waited for
	slowest   map[string]time.Duration // by kind: the longest wait of a change

	working sync.WaitGroup
	stop    func()
	hearing sync.WaitGroup
	hangUp  func()
}

func newRun(t *testing.T) *run {
	t.Helper()
	c := drawRun(t)
	began := time.Now()
	c.stack = startStack(t)
	t.Logf("three brokers, PostgreSQL and %d processes are ready after %s", len(c.processes()), time.Since(began).Round(time.Second))
	c.operator = c.token(strings.Repeat("0", 24), "", "operator")
	c.connect()
	return c
}

// drawRun is a run without processes; what it draws is printed.
func drawRun(t *testing.T) *run {
	t.Helper()
	seed, given := draws.Seed()
	if !given {
		seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	c := &run{
		lasts: lasts(t), seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), injected: map[string]int{}, slowest: map[string]time.Duration{},
		stop: func() {}, hangUp: func() {},
	}
	t.Logf("LEDGERBOARD_DRAWS=%d %s=%s draws this run's faults again", seed, lastsVariable, c.lasts)
	return c
}

// connect makes the clients of the processes that serve. They end before the processes do.
func (r *run) connect() {
	r.began = time.Now()
	r.clients = &clients{journal: &journal{seed: r.seed}, done: map[string]time.Time{}, bases: r.bases()}
	r.t.Cleanup(func() {
		r.stop()
		r.hangUp()
		r.working.Wait()
		r.hearing.Wait()
	})
}

// employ sets listeners and then the load to work, and waits until everybody has got something done.
func (r *run) employ() {
	hearing, hangUp := context.WithCancel(context.Background())
	working, stop := context.WithCancel(context.Background())
	r.hangUp, r.stop = hangUp, stop
	for _, a := range r.world {
		for _, b := range a.boards {
			for _, user := range b.users {
				l := &listener{user: user, agency: a.id, token: r.token(user, b.id, "client"), rng: r.child()}
				r.listeners = append(r.listeners, l)
				r.hearing.Go(func() { l.listen(hearing, r.clients.bases) })
			}
		}
	}
	require.Eventually(r.t, func() bool {
		return !slices.ContainsFunc(r.listeners, func(l *listener) bool { return !l.connected() })
	}, patience, 50*time.Millisecond, "everybody listens")
	for _, a := range r.world {
		staff, rng := r.token(a.staff, a.id, "agency"), r.child()
		r.working.Go(func() { r.clients.read(working, rng, a, staff) })
		r.everybody = append(r.everybody, "read "+a.id)
		for _, b := range a.boards {
			rng := r.child()
			r.working.Go(func() { r.clients.write(working, rng, a, b, staff) })
			r.everybody = append(r.everybody, "write "+a.id+"/"+b.id)
		}
	}
	require.NoError(r.t, r.recover(time.Now()))
}

func (r *run) child() *rand.Rand { return rand.New(rand.NewPCG(r.seed, r.rng.Uint64())) }

// recover waits until everybody has got something done that was begun after a moment.
func (r *run) recover(since time.Time) error {
	return repeat(50*time.Millisecond, func() error {
		if waiting := r.clients.waiting(since, r.everybody); len(waiting) > 0 {
			return fmt.Errorf("long after the cause was removed these can do nothing yet: %s", strings.Join(waiting, ", "))
		}
		return nil
	})
}

// next lets one thing go wrong, for a while, and waits until all is well again.
func (r *run) next() {
	if len(r.deck) == 0 {
		r.deck = r.faults(r.rng, r.operator)
	}
	f := r.deck[0]
	r.deck = r.deck[1:]
	hold := time.Duration(2000+r.rng.IntN(8000)) * time.Millisecond
	if f.kind == brokerFrozen {
		hold += frozenAtLeast
	}
	begun := time.Now()
	require.NoError(r.t, f.begin(), "LEDGERBOARD_DRAWS=%d: %s", r.seed, f.kind)
	r.injected[f.kind]++
	time.Sleep(hold)
	if f.end != nil {
		require.NoError(r.t, f.end(), "LEDGERBOARD_DRAWS=%d: the end of %s", r.seed, f.kind)
	}
	ended := time.Now()
	failure := r.recover(ended)
	waited := r.clients.journal.longest(begun, ended)
	r.t.Logf("%6.1fs  %s for %s: changes waited up to %s; all was well %s after it", begun.Sub(r.began).Seconds(), f.kind,
		ended.Sub(begun).Round(100*time.Millisecond), waited.Round(100*time.Millisecond), time.Since(ended).Round(100*time.Millisecond))
	r.slowest[f.kind] = max(r.slowest[f.kind], waited)
	if failure != nil {
		r.open = append(r.open, f.kind+": "+failure.Error())
	}
	require.NoError(r.t, r.awaitReady(r.processes()...), "LEDGERBOARD_DRAWS=%d: after %s", r.seed, f.kind)
	require.NoError(r.t, r.cluster.whole(), "LEDGERBOARD_DRAWS=%d: after %s", r.seed, f.kind)
}

// rest ends the load: what is on its way gets its outcome.
func (r *run) rest() {
	r.stop()
	r.working.Wait()
}

func (r *run) report() {
	log := openLog(r.t.Context(), r.t, r.brokers)
	defer log.Close()
	truth, err := r.clients.journal.judge(r.t.Context(), log, r.world)
	require.NoError(r.t, err, "LEDGERBOARD_DRAWS=%d", r.seed)
	open := r.clients.journal.unanswered()
	found := slices.Concat(truth.found, open, r.showing(truth))
	owed := 0
	for _, l := range r.listeners {
		owed += len(truth.owed[l.user])
	}
	for giveUp := time.Now().Add(patience); r.delivered() < owed && time.Now().Before(giveUp); {
		time.Sleep(50 * time.Millisecond)
	}
	r.hangUp()
	r.hearing.Wait()
	for _, l := range r.listeners {
		found = append(found, l.judge(truth.owed[l.user])...)
	}
	sum := 0
	for _, kind := range slices.Sorted(maps.Keys(r.injected)) {
		sum += r.injected[kind]
		r.t.Logf("  %3d × %s; the slowest change took %s", r.injected[kind], kind, r.slowest[kind].Round(100*time.Millisecond))
	}
	commits := int64(0)
	for _, net := range r.nets {
		commits += net.commits.met.Load()
	}
	r.t.Logf("seed %d: %d faults in %s; %d changes acknowledged, %d of %d notices delivered, %d reads compared; %d commits met; %d findings",
		r.seed, sum, time.Since(r.began).Round(time.Second), len(r.clients.journal.commands)-len(open), r.delivered(), owed, len(r.clients.journal.seen),
		commits, len(found))
	require.Empty(r.t, found, "LEDGERBOARD_DRAWS=%d: lost, doubled, or wrong", r.seed)
	require.Empty(r.t, r.open, "LEDGERBOARD_DRAWS=%d: what came to no end", r.seed)
}

// showing compares what every process shows at the end, until it is right: a process may be late, and none may stay wrong.
func (r *run) showing(truth *truth) (found []string) {
	for giveUp := time.Now().Add(patience); ; time.Sleep(pauseAfterRefusal) {
		if found = r.shown(truth); len(found) == 0 || time.Now().After(giveUp) {
			return found
		}
	}
}

func (r *run) shown(truth *truth) (found []string) {
	for _, a := range r.world {
		staff := r.token(a.staff, a.id, "agency")
		for _, b := range a.boards {
			version, users := truth.newest(b.id)
			for _, p := range r.apis {
				got := ask(http.MethodGet, boardURL(p.base, b.id), staff, "")
				if got.err != nil || got.version != version || !slices.Equal(got.users, users) {
					found = append(found, fmt.Sprintf("%s shows board %s at version %d with %v (%d, %v); the log has version %d with %v",
						p.name, b.id, got.version, got.users, got.status, got.err, version, users))
				}
			}
		}
	}
	return found
}

func (r *run) delivered() (n int) {
	for _, l := range r.listeners {
		n += l.count()
	}
	return n
}
