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
func (c *run) connect() {
	c.began = time.Now()
	c.clients = &clients{journal: &journal{seed: c.seed}, done: map[string]time.Time{}, bases: c.bases()}
	c.t.Cleanup(func() {
		c.stop()
		c.hangUp()
		c.working.Wait()
		c.hearing.Wait()
	})
}

// employ sets listeners and then the load to work, and waits until everybody has got something done.
func (c *run) employ() {
	hearing, hangUp := context.WithCancel(context.Background())
	working, stop := context.WithCancel(context.Background())
	c.hangUp, c.stop = hangUp, stop
	for _, a := range c.world {
		for _, b := range a.boards {
			for _, user := range b.users {
				l := &listener{user: user, agency: a.id, token: c.token(user, b.id, "client"), rng: c.child()}
				c.listeners = append(c.listeners, l)
				c.hearing.Go(func() { l.listen(hearing, c.clients.bases) })
			}
		}
	}
	require.Eventually(c.t, func() bool {
		return !slices.ContainsFunc(c.listeners, func(l *listener) bool { return !l.connected() })
	}, patience, 50*time.Millisecond, "everybody listens")
	for _, a := range c.world {
		staff, rng := c.token(a.staff, a.id, "agency"), c.child()
		c.working.Go(func() { c.clients.read(working, rng, a, staff) })
		c.everybody = append(c.everybody, "read "+a.id)
		for _, b := range a.boards {
			rng := c.child()
			c.working.Go(func() { c.clients.write(working, rng, a, b, staff) })
			c.everybody = append(c.everybody, "write "+a.id+"/"+b.id)
		}
	}
	require.NoError(c.t, c.recover(time.Now()))
}

func (c *run) child() *rand.Rand { return rand.New(rand.NewPCG(c.seed, c.rng.Uint64())) }

// recover waits until everybody has got something done that was begun after a moment.
func (c *run) recover(since time.Time) error {
	return repeat(50*time.Millisecond, func() error {
		if waiting := c.clients.waiting(since, c.everybody); len(waiting) > 0 {
			return fmt.Errorf("long after the cause was removed these can do nothing yet: %s", strings.Join(waiting, ", "))
		}
		return nil
	})
}

// next lets one thing go wrong, for a while, and waits until all is well again.
func (c *run) next() {
	if len(c.deck) == 0 {
		c.deck = c.faults(c.rng, c.operator)
	}
	f := c.deck[0]
	c.deck = c.deck[1:]
	hold := time.Duration(2000+c.rng.IntN(8000)) * time.Millisecond
	if f.kind == brokerFrozen {
		hold += frozenAtLeast
	}
	begun := time.Now()
	require.NoError(c.t, f.begin(), "LEDGERBOARD_DRAWS=%d: %s", c.seed, f.kind)
	c.injected[f.kind]++
	time.Sleep(hold)
	if f.end != nil {
		require.NoError(c.t, f.end(), "LEDGERBOARD_DRAWS=%d: the end of %s", c.seed, f.kind)
	}
	ended := time.Now()
	failure := c.recover(ended)
	waited := c.clients.journal.longest(begun, ended)
	c.t.Logf("%6.1fs  %s for %s: changes waited up to %s; all was well %s after it", begun.Sub(c.began).Seconds(), f.kind,
		ended.Sub(begun).Round(100*time.Millisecond), waited.Round(100*time.Millisecond), time.Since(ended).Round(100*time.Millisecond))
	c.slowest[f.kind] = max(c.slowest[f.kind], waited)
	if failure != nil {
		c.open = append(c.open, f.kind+": "+failure.Error())
	}
	require.NoError(c.t, c.awaitReady(c.processes()...), "LEDGERBOARD_DRAWS=%d: after %s", c.seed, f.kind)
	require.NoError(c.t, c.cluster.whole(), "LEDGERBOARD_DRAWS=%d: after %s", c.seed, f.kind)
}

// rest ends the load: what is on its way gets its outcome.
func (c *run) rest() {
	c.stop()
	c.working.Wait()
}

func (c *run) report() {
	log := openLog(c.t.Context(), c.t, c.brokers)
	defer log.Close()
	truth, err := c.clients.journal.judge(c.t.Context(), log, c.world)
	require.NoError(c.t, err, "LEDGERBOARD_DRAWS=%d", c.seed)
	open := c.clients.journal.unanswered()
	found := slices.Concat(truth.found, open, c.showing(truth))
	owed := 0
	for _, l := range c.listeners {
		owed += len(truth.owed[l.user])
	}
	for giveUp := time.Now().Add(patience); c.delivered() < owed && time.Now().Before(giveUp); {
		time.Sleep(50 * time.Millisecond)
	}
	c.hangUp()
	c.hearing.Wait()
	for _, l := range c.listeners {
		found = append(found, l.judge(truth.owed[l.user])...)
	}
	sum := 0
	for _, kind := range slices.Sorted(maps.Keys(c.injected)) {
		sum += c.injected[kind]
		c.t.Logf("  %3d × %s; the slowest change took %s", c.injected[kind], kind, c.slowest[kind].Round(100*time.Millisecond))
	}
	commits := int64(0)
	for _, net := range c.nets {
		commits += net.commits.met.Load()
	}
	c.t.Logf("seed %d: %d faults in %s; %d changes acknowledged, %d of %d notices delivered, %d reads compared; %d commits met; %d findings",
		c.seed, sum, time.Since(c.began).Round(time.Second), len(c.clients.journal.commands)-len(open), c.delivered(), owed, len(c.clients.journal.seen),
		commits, len(found))
	require.Empty(c.t, found, "LEDGERBOARD_DRAWS=%d: lost, doubled, or wrong", c.seed)
	require.Empty(c.t, c.open, "LEDGERBOARD_DRAWS=%d: what came to no end", c.seed)
}

// showing compares what every process shows at the end, until it is right: a process may be late, and none may stay wrong.
func (c *run) showing(truth *truth) (found []string) {
	for giveUp := time.Now().Add(patience); ; time.Sleep(pauseAfterRefusal) {
		if found = c.shown(truth); len(found) == 0 || time.Now().After(giveUp) {
			return found
		}
	}
}

func (c *run) shown(truth *truth) (found []string) {
	for _, a := range c.world {
		staff := c.token(a.staff, a.id, "agency")
		for _, b := range a.boards {
			version, users := truth.newest(b.id)
			for _, p := range c.apis {
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

func (c *run) delivered() (n int) {
	for _, l := range c.listeners {
		n += l.count()
	}
	return n
}
