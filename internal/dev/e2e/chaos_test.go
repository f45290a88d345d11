//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/draws"
)

// TestChaos kills the program at random moments under load, with all that belongs to it or alone, while
// it starts, while it catches up and while it works. After each restart the tables must be the fold of
// the log that the test computes by itself, every acknowledged change must be there exactly once and
// none that was refused, and every listener must have heard each of its notices once.
//
//	LEDGERBOARD_E2E_SEED    repeats the moments and the load of a run (the machine's timing aside); else LEDGERBOARD_DRAWS says what is drawn
//	LEDGERBOARD_E2E_KILLS   how often it is killed; default 20
func TestChaos(t *testing.T) {
	c := newChaos(t)
	defer c.report()
	for c.kills < c.wanted {
		c.life()
	}
	c.start()
	c.check()
	c.load(time.Second) // the last look is at a program that was not killed again
	c.hearAgain(c.check())
	c.end()
}

// chaos is one run of the test.
type chaos struct {
	t      *testing.T
	dir    string
	seed   uint64
	rng    *rand.Rand
	wanted int
	kills  int
	begun  time.Time
	story  []string

	program *program
	fed     *program               // whose log is fed
	anew    bool                   // the next start makes the read models from nothing
	again   bool                   // and is to be cut short
	frozen  bool                   // PostgreSQL was, once
	took    map[bool]time.Duration // by anew: how long the last such start took until it was ready

	log       *chaosLog
	journal   *chaosJournal
	gate      *chaosGate
	feed      *chaosFeed
	listeners []*chaosListener
	verdicts  chaosVerdicts
	rows      int

	running sync.WaitGroup
	fault   error
	faults  sync.Mutex
}

func newChaos(t *testing.T) *chaos {
	seed, ok := draws.Seed()
	if !ok {
		seed = uint64(time.Now().UnixNano())
	}
	seed %= 1_000_000
	if given := os.Getenv("LEDGERBOARD_E2E_SEED"); given != "" {
		var err error
		seed, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err, "LEDGERBOARD_E2E_SEED")
	}
	kills := 20
	if given := os.Getenv("LEDGERBOARD_E2E_KILLS"); given != "" {
		var err error
		kills, err = strconv.Atoi(given)
		require.NoError(t, err, "LEDGERBOARD_E2E_KILLS")
	}
	t.Logf("LEDGERBOARD_E2E_SEED=%d LEDGERBOARD_E2E_KILLS=%d repeats this run", seed, kills)
	c := &chaos{
		t: t, dir: filepath.Join(t.TempDir(), "data"), seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), wanted: kills,
		begun: time.Now(), anew: true, took: map[bool]time.Duration{true: 8 * time.Second, false: 2 * time.Second}, log: newChaosLog(), gate: newChaosGate(),
		journal: &chaosJournal{heads: map[string]int64{}, seed: seed},
	}
	t.Cleanup(func() {
		c.gate.set(func() { c.gate.ended = true })
		c.running.Wait()
	})
	return c
}

// tellf notes what happened, for the report.
func (c *chaos) tellf(format string, args ...any) {
	line := fmt.Sprintf("%6.1fs  ", time.Since(c.begun).Seconds()) + fmt.Sprintf(format, args...)
	c.story = append(c.story, line)
	if testing.Verbose() {
		c.t.Log(line)
	}
}

func (c *chaos) report() {
	if c.t.Failed() {
		c.t.Logf("LEDGERBOARD_E2E_SEED=%d; what happened:\n%s", c.seed, strings.Join(c.story, "\n"))
		return
	}
	c.t.Logf("seed %d, %d kills in %s: %d rows compared at the end; %s", c.seed, c.kills, time.Since(c.begun).Round(time.Second), c.rows, c.verdicts)
}

// fail keeps the first error of the load; the test's own goroutine reports it.
func (c *chaos) fail(err error) {
	c.faults.Lock()
	defer c.faults.Unlock()
	if c.fault == nil {
		c.fault = err
	}
}

// must ends the test with the seed if err is one.
func (c *chaos) must(err error, doing string) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("LEDGERBOARD_E2E_SEED=%d, after %d kills, %s:\n%s", c.seed, c.kills, doing, err)
	}
}

// life is one life of the program, from its start to its violent end.
func (c *chaos) life() {
	if c.again || c.rng.IntN(10) < 3 || c.anew && c.rng.IntN(2) == 0 {
		c.again = false
		c.launch()
		moment := time.Duration(c.rng.Float64() * 1.1 * float64(c.took[c.anew]))
		c.wait(moment)
		c.kill(fmt.Sprintf("%s after its start", moment.Round(time.Millisecond)))
		return
	}
	c.start()
	c.check()
	moment := time.Duration(c.rng.Float64() * float64(3*time.Second))
	c.open()
	c.wait(moment)
	switch {
	case !c.frozen && c.kills >= c.wanted/2:
		c.frozen = true
		c.freeze()
		c.wait(moment)
	case c.rng.IntN(5) == 0:
		c.crash()
		c.load(moment)
		c.check()
		c.open()
		c.wait(moment)
	case c.rng.IntN(8) == 0:
		c.dropReadModels()
		c.anew = true
		c.again = c.rng.IntN(3) > 0
	}
	c.kill(fmt.Sprintf("%s after the load began", moment.Round(time.Millisecond)))
}

func (c *chaos) launch() {
	c.program = launchDemo(c.t, c.dir, "--account-insights-interval", "1s", "--post-insights-interval", "1m")
}

// start starts the program and waits until it is ready; writers with open outcomes ask meanwhile.
func (c *chaos) start() {
	c.launch()
	c.program.awaitReady()
	c.took[c.anew] = time.Since(c.program.started)
	c.tellf("ready %s after its start", c.took[c.anew].Round(time.Millisecond))
	c.anew = false
	if c.listeners == nil {
		c.hire()
	}
}

// kill is kill -9: of the program alone, whose PostgreSQL then ends as it can, or of everything, at once
// or one after the other, or of a program that has begun to stop.
func (c *chaos) kill(when string) {
	p := c.program
	if p.hasExited() {
		c.must(fmt.Errorf("it ended by itself, code %d\n%s", p.code, p.tails()), "the program was to be killed")
	}
	signal := func(with syscall.Signal, pids ...int) {
		for _, pid := range pids {
			_ = syscall.Kill(pid, with) // it may be gone by now
		}
	}
	program := p.cmd.Process.Pid
	later := time.Duration(c.rng.IntN(800)) * time.Millisecond
	how := "the program alone"
	switch dice := c.rng.IntN(20); {
	case dice < 7:
	case dice < 11:
		how = "everything, the program first"
		signal(syscall.SIGKILL, append([]int{program}, processesIn(c.dir)...)...)
	case dice < 15:
		how = "everything, PostgreSQL first"
		signal(syscall.SIGKILL, append(processesIn(c.dir), program)...)
	case dice < 17:
		how = fmt.Sprintf("PostgreSQL, and the program %s later", later)
		signal(syscall.SIGKILL, processesIn(c.dir)...)
		c.wait(later)
	default:
		how = fmt.Sprintf("the program, %s after it was asked to stop", later)
		signal(syscall.SIGTERM, program)
		c.wait(later)
	}
	if !p.hasExited() {
		signal(syscall.SIGKILL, program)
	}
	c.gate.set(func() { c.gate.open = false })
	p.exitWithin(stopWithin)
	c.noRace()
	c.kills++
	c.tellf("kill %d, %s: %s", c.kills, when, how)
}

// noRace looks for what the race detector has said, if the program was built with it.
func (c *chaos) noRace() {
	if _, report, found := strings.Cut(c.program.output.String(), "WARNING: DATA RACE"); found {
		c.must(fmt.Errorf("%s", report), "the program has a data race")
	}
}

// wait lets a while pass, less if the program ends.
func (c *chaos) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.program.exited:
	}
}

// crash kills one process of PostgreSQL, which then recovers by itself while the program runs on.
func (c *chaos) crash() {
	var pid int
	conn, witness := c.program.database(), c.program.database()
	c.must(conn.QueryRow(c.t.Context(), "select pg_backend_pid()").Scan(&pid), "find a process of PostgreSQL")
	c.must(syscall.Kill(pid, syscall.SIGKILL), "kill a process of PostgreSQL")
	// Until the server has noticed it takes connections that it then ends.
	c.program.await(patience, "the crash", func() bool { return witness.Ping(c.t.Context()) != nil })
	c.tellf("a process of PostgreSQL was killed: it recovers by itself")
}

// freeze stops PostgreSQL without ending it, for longer than a command may take: clients are told that
// the outcome is open.
func (c *chaos) freeze() {
	pids := processesIn(c.dir)
	signal := func(with syscall.Signal, doing string) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, with); !errors.Is(err, syscall.ESRCH) { // those of one statement may have ended
				c.must(err, doing)
			}
		}
	}
	signal(syscall.SIGSTOP, "freeze PostgreSQL")
	open := 0
	for until := time.Now().Add(13 * time.Second); open == 0 && time.Now().Before(until); {
		c.wait(pollEvery)
		open = c.journal.openAnswers()
	}
	signal(syscall.SIGCONT, "thaw PostgreSQL")
	c.tellf("PostgreSQL was frozen; %d answers said that the outcome is open", open)
}

// open lets the load run.
func (c *chaos) open() {
	if p := c.program; c.fed != p {
		c.fed = p
		ctx, cancel := context.WithCancel(c.t.Context())
		go func() {
			<-p.exited
			cancel()
		}()
		producer, err := newChaosProducer(p.info.Brokers)
		c.must(err, "make a producer")
		c.t.Cleanup(producer.Close) // a test that fails here has no next life
		c.running.Go(func() { c.feed.run(ctx, producer) })
	}
	c.gate.set(func() { c.gate.open = true })
}

// load lets the load run and then come to rest.
func (c *chaos) load(d time.Duration) {
	c.open()
	c.wait(d)
	c.gate.set(func() { c.gate.open = false })
}

// dropReadModels throws away all that the log can make anew, under the load.
func (c *chaos) dropReadModels() {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.program.info.DatabaseURL)
	c.must(err, "connect to drop the read models")
	defer conn.Close(ctx)
	for {
		if _, err = conn.Exec(ctx, dropDerivedSQL); err == nil {
			break
		}
		if ctx.Err() != nil {
			c.must(err, "drop the read models")
		}
	}
	c.tellf("everything derived is dropped")
}

// hire sets up the load and the listeners, once the world is known.
func (c *chaos) hire() {
	info := c.program.info
	var state struct {
		Secret string    `json:"jwt_secret"`
		Anchor time.Time `json:"anchor"`
	}
	raw, err := os.ReadFile(filepath.Join(c.dir, "demo-state.json"))
	c.must(err, "read the demo's secret")
	c.must(json.Unmarshal(raw, &state), "read the demo's secret")
	token := func(user, account, role string) string {
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": user, "account_id": account, "role": role, "iss": "ledgerboard", "aud": "ledgerboard",
			"exp": time.Now().Add(24 * time.Hour).Unix(),
		}).SignedString([]byte(state.Secret))
		c.must(err, "sign a token")
		return signed
	}
	ids, foreign := info.IDs, info.IDs.Foreign
	ours := &chaosWorld{
		parent: ids.ParentAccount, subs: ids.SubAccounts, users: ids.Users, strange: foreign.SubAccounts, foreign: foreign.Users,
		linked: map[string][]string{}, listed: map[string][]string{},
	}
	theirs := &chaosWorld{
		parent: foreign.ParentAccount, subs: foreign.SubAccounts, users: foreign.Users, strange: ids.SubAccounts, foreign: ids.Users,
		linked: map[string][]string{}, listed: map[string][]string{},
	}
	others := []string{info.Tokens["client"], info.Tokens["auditor"], info.Tokens["operator"]}
	staff := 0
	active := c.activeUsers()
	for _, world := range []*chaosWorld{ours, theirs} {
		for _, user := range world.users {
			if !active[user.ID] {
				continue
			}
			role := "client"
			if user.Account == world.parent {
				role = "agency"
			}
			l := &chaosListener{parent: world.parent, user: user.ID, token: token(user.ID, user.Account, role), rng: c.child()}
			c.listeners = append(c.listeners, l)
			c.running.Go(func() { l.run(c.t.Context(), c.program.base) })
			if staff++; role == "agency" && (staff <= 3 || world == theirs) {
				c.employ(world, user.ID, l.token, others)
				c.employ(world, user.ID, l.token, others)
			}
		}
	}
	c.feed = &chaosFeed{
		world: ours, foreign: theirs.parent, ourSub: ours.subs[0], theirSub: theirs.subs[0], rng: c.child(), gate: c.gate,
		from: state.Anchor.Add(-6 * 24 * time.Hour).Truncate(24 * time.Hour), acked: map[string]map[int32]map[int64]string{},
	}
	c.program.await(patience, "all listeners to have their cursor", func() bool {
		for _, l := range c.listeners {
			c.must(l.failed(), "listen")
			if !l.listening() {
				return false
			}
		}
		return true
	})
}

func (c *chaos) child() *rand.Rand { return rand.New(rand.NewPCG(c.seed, c.rng.Uint64())) }

func (c *chaos) employ(world *chaosWorld, user, token string, others []string) {
	w := &chaosWriter{
		world: world, journal: c.journal, gate: c.gate, rng: c.child(), base: c.program.base, actor: user, token: token,
		others: others, name: fmt.Sprintf("chaos-%d-%d", c.seed, c.rng.Uint32()),
	}
	c.running.Go(func() {
		if err := w.run(c.t.Context()); err != nil {
			c.fail(err)
		}
	})
}

// activeUsers are those whom the program lets listen.
func (c *chaos) activeUsers() map[string]bool {
	conn := c.program.database()
	rows, err := conn.Query(c.t.Context(), "select id from users where active")
	c.must(err, "read active users")
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	c.must(err, "read active users")
	active := map[string]bool{}
	for _, id := range ids {
		active[id] = true
	}
	return active
}

// check waits until every open outcome is known and the program has folded the whole log, and then
// holds everything against the oracle.
func (c *chaos) check() map[string]*chaosStream {
	c.t.Helper()
	begun := time.Now()
	c.program.await(4*readyWithin, "open outcomes to be known", func() bool {
		c.faults.Lock()
		defer c.faults.Unlock()
		return c.fault != nil || c.gate.idle()
	})
	c.must(c.fault, "under load")
	resolved := time.Since(begun)
	streams := c.compare()
	late := time.Now().Add(patience - time.Second)
	c.program.await(patience, "the listeners to hear what they are owed", func() bool {
		for _, l := range c.listeners {
			done, err := l.judge(streams[l.parent])
			c.must(err, "notices")
			if !done {
				return time.Now().After(late) && c.missing(l, streams)
			}
		}
		return true
	})
	heard := 0
	for _, l := range c.listeners {
		heard += len(l.got)
	}
	c.tellf("open outcomes known after %s, checked in %s: %d rows, %d notices heard; %s",
		resolved.Round(time.Millisecond), (time.Since(begun) - resolved).Round(time.Millisecond), c.rows, heard, c.verdicts)
	return streams
}

// hearAgain lets new listeners begin where the first ones began: they must hear the same at one go.
func (c *chaos) hearAgain(streams map[string]*chaosStream) {
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	for _, old := range c.listeners {
		l := &chaosListener{
			parent: old.parent, user: old.user, token: old.token, rng: c.child(), start: old.start,
			last: fmt.Sprintf("%s.%d", old.parent, old.start),
		}
		c.running.Go(func() { l.run(ctx, c.program.base) })
		c.program.await(patience, "a new listener to hear what the old ones heard", func() bool {
			done, err := l.judge(streams[l.parent])
			c.must(err, "notices from the start")
			return done
		})
	}
}

func (c *chaos) missing(l *chaosListener, streams map[string]*chaosStream) bool {
	c.must(l.missing(streams[l.parent]), "notices")
	return true
}

// compare takes a moment at which every checkpoint stands at the end of its log, and compares all
// tables of that moment with the fold of the log up to there.
func (c *chaos) compare() map[string]*chaosStream {
	c.t.Helper()
	conn := c.program.database()
	defer conn.Close(c.t.Context())
	deadline := time.Now().Add(readyWithin)
	for {
		ends, err := c.log.ends(c.t.Context(), c.program.info.Brokers)
		c.must(err, "read the ends of the log")
		tx, err := conn.BeginTx(c.t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		c.must(err, "begin")
		if behind := c.behind(tx, ends); behind != "" {
			if time.Now().After(deadline) {
				c.must(fmt.Errorf("%s", behind), "wait for the checkpoints to reach the end of the log")
			}
			c.must(tx.Rollback(c.t.Context()), "end the look")
			time.Sleep(pollEvery)
			continue
		}
		streams := c.compareAt(tx, ends)
		c.must(tx.Rollback(c.t.Context()), "end the look")
		return streams
	}
}

// chaosProjections are the projections and the topic that each reads.
var chaosProjections = map[string]string{
	"dashboards": "dashboards", "account_insights": "metrics", "post_insights": "metrics", "contents": "contents", "directory": "directory", "operations": "operations",
}

// behind tells which checkpoint is not where the log ends; "" when all are.
func (c *chaos) behind(tx pgx.Tx, ends map[string]chaosVector) string {
	rows, err := tx.Query(c.t.Context(), "select projection, partition, next_offset, state from checkpoints where state not in ('retired', 'dropped')")
	c.must(err, "read checkpoints")
	found := map[string]int{}
	var projection, state, behind string
	var partition int
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&projection, &partition, &next, &state}, func() error {
		found[projection]++
		if end := ends[chaosProjections[projection]][partition]; next != end || state != "live" {
			behind = fmt.Sprintf("%s/%d stands at %d (%s), its log ends at %d", projection, partition, next, state, end)
		}
		return nil
	})
	c.must(err, "read checkpoints")
	for projection, topic := range chaosProjections {
		if found[projection] != len(ends[topic]) {
			behind = fmt.Sprintf("%s has %d checkpoints, not %d", projection, found[projection], len(ends[topic]))
		}
	}
	return behind
}

func (c *chaos) compareAt(tx pgx.Tx, ends map[string]chaosVector) map[string]*chaosStream {
	c.t.Helper()
	c.must(c.log.reread(c.t.Context(), c.program.info.Brokers, ends), "read the log")
	c.must(c.feed.judge(c.log), "look for what was appended")
	rows := chaosRows{}
	directory := c.log.foldDirectory(ends["directory"], rows)
	c.log.foldOperations(ends["operations"], rows)
	c.log.foldAccounts(ends["metrics"], rows)
	c.log.foldPosts(ends["metrics"], ends["contents"], rows)
	c.log.foldContents(ends["contents"], rows)
	streams, err := c.log.foldDashboards(ends["dashboards"], rows)
	c.must(err, "judge the chains")
	c.must(rows.compare(c.t.Context(), tx, c.log), "compare the tables with the fold of the log")
	facts := map[string]chaosFacts{}
	for parent := range streams {
		facts[parent] = chaosFactsOf(parent, directory)
	}
	c.verdicts, err = c.journal.judge(streams, facts)
	c.must(err, "hold the answers against the log")
	c.rows = 0
	for _, list := range rows {
		c.rows += len(list)
	}
	return streams
}

// end stops the program regularly: nothing of it may be left.
func (c *chaos) end() {
	c.gate.set(func() { c.gate.ended = true })
	c.program.Stop()
	c.noRace()
	require.Empty(c.t, chaosLeft(c.dir), "processes of this data directory")
}

// chaosLeft are the processes that name the data directory on their command line.
func chaosLeft(dir string) (left []string) {
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, entry := range entries {
		raw, err := os.ReadFile(entry)
		if err == nil && strings.Contains(string(raw), dir) {
			left = append(left, strings.ReplaceAll(string(raw), "\x00", " "))
		}
	}
	return left
}
