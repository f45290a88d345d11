package projections_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// state returns everything that a projection made: its tables, dead letters and streams.
func state(t require.TestingT, db *pgtest.DB, p fold.Projector) []string {
	return append(ledgertest.Dump(t, db, p.Tables...), outcomes(t, db, p)...)
}

// sameFromZero asserts that a fold of the whole log into another database gives the same result.
func (b *bench) sameFromZero(p fold.Projector) {
	b.t.Helper()
	zero := &bench{Broker: b.Broker, t: b.t, db: pgtest.NewBare(b.t, testSchemas()...), log: b.log}
	e := zero.engine(p, func(c *projections.Config) { c.Log = otherGroup{b.log} })
	zero.run(e)
	require.Equal(b.t, state(b.t, zero.db, p), state(b.t, b.db, p), "the live state (actual) differs from a fold from zero (expected)")
}

// live is a chain that is folded record by record.
type live struct {
	*bench
	*chain
	engine *projections.Engine
}

func followLive(t *testing.T) live {
	t.Helper()
	b := setup(t)
	return live{b, b.chain(agencyA), b.startEngine(dashboards)}
}

// put appends a record and waits until it is folded, or waits.
func (l live) put(r eventlog.Record) domain.Position {
	l.t.Helper()
	p := l.bench.put(r)
	l.caughtUp(l.engine)
	return p
}

func (l live) users() []string { return l.bench.users(l.key, client1) }

func (l live) set(users ...string) domain.Position {
	l.t.Helper()
	return l.put(l.next(l.usersSet(client1, users...)))
}

// stop returns where the stream has stopped and why; "": it has not.
func (l live) stop() string {
	l.t.Helper()
	return l.text(`select coalesce((
		select format('%s %s', s.stopped_at, d.reason) from streams s join dead_letters d using (projection, generation, stream_key)
		where stream_key = $1 and s.stopped_at is not null), '')`, l.key)
}

func (l live) skip(version int64) {
	l.t.Helper()
	l.put(l.next(skip(version)))
}

// A stream that is folded again has the tables of a fold from zero.
func TestRefoldedStreamEqualsFoldFromZero(t *testing.T) {
	t.Parallel()
	keys := agenciesIn(1, 14) // in one partition
	scenarios := map[string]func(t *testing.T, l live){
		"a retry stops again, a skip does not": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			l.set("u3")
			require.NoError(t, l.engine.FoldAgain(t.Context(), l.key))
			require.Equal(t, "2 undecodable", l.stop())
			require.Equal(t, []string{"u1"}, l.users())
			l.skip(2)
			require.Empty(t, l.stop())
			require.Equal(t, []string{"u3"}, l.users())
			require.Equal(t, 1, l.count(`select count(*) from dashboard_history where parent_account = $1 and sub_account_id = '' and version = 4
				and document_id is null and (skip ->> 'version')::bigint = 2`, l.key))
			require.Equal(t, domain.CodeConflict, domain.CodeOf(l.engine.FoldAgain(t.Context(), l.key)), "it is not stopped")
			l.set("u6")
			require.Equal(t, []string{"u6"}, l.users())
		},
		"a waiting event is skipped first": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			l.set("second")
			l.set("third")
			l.skip(3)
			require.Equal(t, "2 undecodable", l.stop(), "the first still stops the stream")
			l.skip(2)
			require.Equal(t, []string{"third"}, l.users())
			require.Zero(t, l.count("select count(*) from dashboard_history where parent_account = $1 and version = 3", l.key))
		},
		"a folded event is skipped": func(t *testing.T, l live) {
			l.put(l.next(l.lost(client1, []string{"u1"}, "u2")))
			l.set("u2", "u3")
			l.skip(2)
			require.Empty(t, l.stop())
			require.Equal(t, []string{"u2", "u3"}, l.users())
			require.Zero(t, l.count("select count(*) from dashboard_history where parent_account = $1 and version = 2", l.key))
			require.Zero(t, l.count("select count(*) from access_notices where parent_account = $1", l.key))
		},
		"a broken chain can be neither skipped nor retried": func(t *testing.T, l live) {
			forger := l.clone()
			forger.head.Hash[0] ^= 1
			l.put(forger.next(forger.usersSet(client1, "forged")))
			l.set("honest")
			l.skip(2)
			require.NoError(t, l.engine.FoldAgain(t.Context(), l.key))
			require.Equal(t, "2 chain_broken", l.stop())
			require.Equal(t, []string{"u1"}, l.users())
		},
		"an event before a break is skipped": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			l.set("second")
			forger := l.clone()
			forger.head.Hash[0] ^= 1
			l.put(forger.next(forger.usersSet(client1, "forged")))
			l.set("last")
			l.skip(2)
			require.Equal(t, []string{"second"}, l.users())
			require.Equal(t, "4 chain_broken", l.stop())
		},
		"poison after poison": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			l.put(l.spoilt(`[`))
			l.set("third")
			l.skip(2)
			require.Equal(t, "3 undecodable", l.stop())
			l.skip(3)
			require.Equal(t, []string{"third"}, l.users())
		},
		"an event that depends on a skipped one is refused": func(t *testing.T, l live) {
			e := l.usersSet(client2, "v")
			l.put(l.spoilt(`{`)) // it would have created client2's dashboard
			e.Created = nil
			l.put(l.next(e))
			l.skip(2)
			require.Equal(t, "3 refused", l.stop())
		},
		"skips of nothing, of itself, of a later event and of a skip": func(t *testing.T, l live) {
			l.set("u2")
			l.skip(100)
			l.skip(4)
			l.skip(6)
			l.set("u3")
			l.set("u4")
			l.skip(3)
			require.Empty(t, l.stop())
			require.Equal(t, []string{"u4"}, l.users())
			require.Equal(t, 7, l.count("select count(*) from dashboard_history where parent_account = $1 and version > 1", l.key))
		},
		"a skip that lost its race": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			loser := l.clone()
			l.set("u3")
			l.put(loser.next(skip(2)))
			require.Equal(t, "2 undecodable", l.stop())
		},
		"a skip that is poison itself": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			l.put(l.spoilt(`{"version":`))
			l.skip(2)
			require.Equal(t, "3 undecodable", l.stop())
		},
		"commands are remembered and forgotten alike": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			l.set("u3")
			l.put(l.next(l.usersSet(client1, "u4"), func(d *domain.Draft) { d.Envelope.Time = day0.Add(30 * time.Hour) }))
			l.put(l.next(skip(2), func(d *domain.Draft) { d.Envelope.Time = day0.Add(31 * time.Hour) }))
			require.Equal(t, 2, l.count("select count(*) from dashboard_commands where parent_account = $1", l.key))
		},
		"notices of later events": func(t *testing.T, l live) {
			l.put(l.spoilt(`{`))
			l.put(l.next(l.lost(client1, []string{"u1"}, "u3")))
			l.skip(2)
			require.Equal(t, 1, l.count("select count(*) from access_notices where parent_account = $1 and user_id = 'u1' and version = 3", l.key))
		},
	}
	shared := followLive(t)
	for scenario, play := range scenarios {
		keys = keys[1:]
		t.Run(scenario, func(t *testing.T) {
			b := *shared.bench
			b.t = t
			l := live{&b, b.chain(keys[0]), shared.engine}
			l.set("u1")
			play(t, l)
			l.headIs(l.chain)
			if l.stop() == "" {
				done, err := proof.Replay(t.Context(), b.log, proof.ReplayConfig{Parent: l.key, Yield: func(proof.Change) error { return nil }})
				require.NoError(t, err)
				require.Equal(t, done.State[0].Users, l.users(), "a replay leaves out what the tables leave out")
			}
		})
	}
	shared.sameFromZero(dashboards)
}

// A newer binary knows the type at which an older one stopped the stream.
func TestRetryByABinaryThatKnowsTheType(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.chain(agencyA)
	b.put(c.next(domain.DashboardOpened(c.usersSet(client1, "u1"))))
	b.put(c.next(c.usersSet(client1, "u2")))
	b.put(c.next(c.lost(client1, []string{"u2"}, "u3")))
	b.run(b.engine(dashboards, b.olderBinary(domain.DashboardUsersChanged{})))
	require.Equal(t, []operator.DeadLetterReason{operator.ReasonUnknownType}, []operator.DeadLetterReason{b.letters("dashboards")[0].Reason})
	e := b.startEngine(dashboards)
	require.NoError(t, e.FoldAgain(b.ctx(), agencyA))
	require.Equal(t, []string{"u3"}, b.users(agencyA, client1))
	b.sameFromZero(dashboards)
}

// A stream that is folded again stops at the first event whose rows the database refuses.
func TestRefoldStopsAtFirstRefusedEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var accepted atomic.Bool
	refused := &pgconn.PgError{Code: "22003", TableName: "dashboard_history"}
	p := copies(dashboards, func(_ context.Context, f folded) error {
		for _, ev := range f.events {
			if ev.Head.Version >= 5 && !accepted.Load() {
				return refused
			}
		}
		return f.next()
	})
	l := live{b, b.chain(agencyA), b.startEngine(p)}
	l.set("u1")
	l.put(l.spoilt(`{`))
	for _, user := range []string{"u3", "u4", "u5", "u6"} {
		l.set(user)
	}
	l.skip(2)
	require.Equal(t, "5 write", l.stop())
	require.Equal(t, map[string]string{"sqlstate": "22003", "table": "dashboard_history"}, l.list(operator.DeadLetterFilter{})[0].Params)
	require.Equal(t, []string{"u4"}, l.users())
	accepted.Store(true)
	require.NoError(t, l.engine.FoldAgain(t.Context(), agencyA))
	require.Equal(t, []string{"u6"}, l.users())
	l.sameFromZero(dashboards)
}

// A stream that stops earlier than before keeps no row that ended after its new stop: the trials that
// look for the first refused version do not meet rows of earlier folds.
func TestRefoldThatStopsEarlierKeepsNoLaterRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var accepted atomic.Bool
	p := copies(dashboards, func(_ context.Context, f folded) error {
		for _, ev := range f.events {
			if ev.Head.Version >= 5 && !accepted.Load() {
				return &pgconn.PgError{Code: "22003", TableName: "dashboard_history"}
			}
		}
		return f.next()
	})
	l := live{b, b.chain(agencyA), b.startEngine(p)}
	for _, user := range []string{"u1", "u2", "u3", "u4", "u5", "u6"} {
		l.set(user) // each ends the span of the one before
	}
	l.put(l.spoilt(`{`))
	require.Equal(t, "7 undecodable", l.stop())
	for range 2 {
		require.NoError(t, l.engine.FoldAgain(t.Context(), agencyA))
		require.Equal(t, "5 write", l.stop())
		require.Equal(t, []string{"u4"}, l.users())
	}
	accepted.Store(true)
	require.NoError(t, l.engine.FoldAgain(t.Context(), agencyA))
	require.Equal(t, "7 undecodable", l.stop())
	require.Equal(t, []string{"u6"}, l.users())
	l.skip(7)
	l.sameFromZero(dashboards)
}

// The steps at which a process is killed that folds a stream again. The next process finishes, and
// the tables, with their notices, are those of a fold from zero.
func TestRefoldIsFinishedAfterKillAtEveryStep(t *testing.T) {
	t.Parallel()
	const (
		looking   = "while it looks for skips"
		reading   = "while it reads the stream"
		since     = "while it reads what came since, with the checkpoint locked"
		deleted   = "with the old rows deleted"
		inserted  = "with the new rows inserted"
		committed = "after the commit, without its answer"
	)
	for by, scanOfStream := range map[string]int32{"retry": 2, "skip": 3} { // the skip is judged in a scan of its own
		for _, step := range []string{looking, reading, since, deleted, inserted, committed} {
			t.Run(by+", killed "+step, func(t *testing.T) {
				t.Parallel()
				b, c := stoppedStream(t)
				ctx, kill := context.WithCancel(context.Background())
				defer kill()
				through, pool := b.proxied()
				var scans atomic.Int32
				killed := b.engine(copies(dashboards, func(_ context.Context, f folded) error {
					if step == deleted {
						kill()
						return context.Canceled
					}
					err := f.next()
					switch step {
					case inserted:
						kill()
						return context.Canceled
					case committed:
						through.LoseCommits.Store(1)
					}
					return err
				}), func(config *projections.Config) {
					config.Pool, config.DatabaseURL = pool, pool.Config().ConnString()
					config.Log = hookedLog{Log: b.log, beforeStream: func() {
						switch n := scans.Add(1); {
						case step == looking, step == reading && n == scanOfStream, step == since && n > scanOfStream:
							kill()
						case step == since && n == scanOfStream:
							b.put(c.next(c.lost(client1, []string{"u3"}, "u5")))
							for b.count("select version from streams where stream_key = $1", agencyA) < int(c.head.Version) {
								time.Sleep(tick)
							}
						}
					}}
				})
				if by == "skip" {
					b.put(c.next(skip(2)))
				} else {
					b.exec("update streams set fold_again = true")
				}
				ended := make(chan error, 1)
				go func() { ended <- killed.Run(ctx) }()
				if step == committed {
					ledgertest.Eventually(t, func() bool { return through.Lost.Load() > 0 })
					kill()
				}
				require.NoError(t, <-ended)
				b.run(b.engine(dashboards))
				l := live{b, c, nil}
				if by == "skip" {
					require.Empty(t, l.stop())
				} else {
					require.Equal(t, "2 undecodable", l.stop())
				}
				l.headIs(c)
				l.sameFromZero(dashboards)
			})
		}
	}
}

// stoppedStream returns tables whose stream has stopped at a bad event between two good ones.
func stoppedStream(t *testing.T) (*bench, *chain) {
	t.Helper()
	b := setup(t)
	c := b.chain(agencyA)
	b.put(c.next(c.lost(client1, []string{"u0"}, "u1")))
	b.put(c.spoilt(`{`))
	b.put(c.next(c.lost(client1, []string{"u1"}, "u3")))
	b.run(b.engine(dashboards))
	return b, c
}

// A process freezes, as by SIGSTOP, while it folds a stream again: it blocks no other process, and
// when it resumes, it finds that the stream is folded, also with what came since.
func TestFrozenRefoldDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	const reading, deleted = "while it reads the stream", "with the old rows deleted"
	for _, step := range []string{reading, deleted} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			b, c := stoppedStream(t)
			g := b.newGate()
			p := copies(dashboards, func(ctx context.Context, f folded) error {
				if step == deleted {
					err := endSoon(ctx, f.conn)
					if g.first(); err != nil {
						return err
					}
				}
				return f.next()
			})
			frozen := b.startEngine(p, func(config *projections.Config) {
				config.Log = hookedLog{Log: b.log, beforeStream: func() {
					if step == reading {
						g.first()
					}
				}}
			})
			b.put(c.next(skip(2)))
			<-g.reached
			other := b.zombie(dashboards)
			stop := b.start(other)
			l := live{b, c, other}
			ledgertest.Eventually(t, func() bool { return l.stop() == "" })
			l.put(c.next(c.lost(client1, []string{"u3"}, "u5")))
			l.put(c.spoilt(`[`))
			g.open()
			b.caughtUp(frozen)
			l.skip(c.head.Version)
			b.caughtUp(frozen)
			require.Equal(t, []string{"u5"}, l.users())
			l.headIs(c)
			stop()
			l.sameFromZero(dashboards)
		})
	}
}

// Of two processes that fold a stream again, the second finds that it is done.
func TestSecondProcessSkipsFinishedRefold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.chain(agencyA)
	b.put(c.next(c.usersSet(client1, "u0")))
	b.put(c.spoilt(`{`))
	b.put(c.next(c.usersSet(client1, "u")))
	b.run(b.engine(dashboards))
	g := b.newGate()
	var copied atomic.Int32
	p := copies(dashboards, func(_ context.Context, f folded) error {
		copied.Add(1)
		g.first()
		return f.next()
	})
	first, second := b.startEngine(p), b.zombie(p)
	b.caughtUp(first)
	b.exec("update streams set fold_again = true")
	<-g.reached
	stop := b.start(second)
	ledgertest.Eventually(t, func() bool {
		return b.count(`select count(*) from pg_stat_activity where datname = current_database()
			and wait_event_type = 'Lock' and query like '%pg_advisory_xact_lock%'`) == 1
	})
	g.open()
	b.caughtUp(first)
	b.put(c.next(skip(2)))
	b.caughtUp(first)
	b.caughtUp(second)
	stop()
	require.Equal(t, []string{"u"}, b.users(agencyA, client1))
	require.LessOrEqual(t, copied.Load(), int32(6), "two copies for the retry, and at most four for the skip")
	b.sameFromZero(dashboards)
}

// The other streams of a partition do not wait while the rows of a long stream are replaced.
func TestRefoldDoesNotDelayOtherStreams(t *testing.T) {
	t.Parallel()
	b := setup(t)
	g := b.newGate()
	e := b.startEngine(copies(dashboards, g.copying))
	keys := agenciesIn(1, 2) // in one partition
	l, other := live{b, b.chain(keys[0]), e}, live{b, b.chain(keys[1]), e}
	l.set("u1")
	l.put(l.spoilt(`{`))
	b.exec("update streams set fold_again = true")
	<-g.reached
	b.put(other.next(other.usersSet(client1, "u2")))
	ledgertest.Eventually(t, func() bool {
		return b.count("select count(*) from streams where stream_key = $1", other.key) == 1
	})
	g.open()
	b.caughtUp(e)
	require.Equal(t, []string{"u2"}, other.users())
	require.Equal(t, "2 undecodable", l.stop())
	l.sameFromZero(dashboards)
}

// A stream that has stopped in tables of another version, or in tables that are being built, takes
// the commands of readers of these tables. Notices begin at the last version before the stop.
func TestStopInOtherTablesDoesNotRefuseCommands(t *testing.T) {
	t.Parallel()
	b := followLive(t)
	b.followEngine(projectors.Directory)
	b.set("u0")
	b.set("u1")
	partition := b.partitionOf(domain.TopicDashboards, agencyA)
	stop := func(generation int) {
		b.exec(`insert into streams select projection, $1, stream_key, partition, version, hash, time, 2, false from streams where generation = 1
			on conflict (projection, generation, stream_key) do update set stopped_at = 2`, generation)
	}
	pool, err := pg.Open(b.ctx(), pg.Config{URL: b.db.URL, SearchPath: tables.Views(), Name: "reads"})
	require.NoError(t, err)
	defer pool.Close()
	refusal := func() string {
		reads := &readmodels.Dashboards{Pool: pool, Progress: pg.NewProgress()}
		view, err := reads.Load(b.ctx(), domain.FactsNeed{ParentAccount: agencyA, Primary: client1, Partition: partition})
		require.NoError(t, err)
		return view.Refusal
	}
	begins := func() int64 {
		heads, err := readmodels.Notices{Pool: pool}.Heads(b.ctx(), []string{agencyA})
		require.NoError(t, err)
		return heads[agencyA]
	}
	stop(b.another(b.engine))
	require.Empty(t, refusal())
	require.Equal(t, int64(2), begins())
	stop(1)
	require.Contains(t, refusal(), "could not be folded")
	require.Equal(t, int64(1), begins())
}
