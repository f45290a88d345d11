package projections_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ledgerboard/ledgerboard/domain"
	_ "github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

const (
	patience = ledgertest.Patience
	tick     = ledgertest.Tick
	often    = 100 * time.Millisecond // between two polls of an engine
)

// partitions holds the partition counts of the tests' topics: fewer than deployed, so that streams
// share partitions.
var partitions = map[string]int32{
	domain.TopicDashboards: 3, domain.TopicMetrics: 4, domain.TopicOperations: 1, domain.TopicDirectory: 2,
	domain.TopicContents: 2,
}

// bench is a broker, its log and a database for one test.
type bench struct {
	*ledgertest.Broker

	t      *testing.T
	db     *pgtest.DB
	log    *eventlog.Log
	chains map[string]*chain
	gates  []*gate
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{Broker: ledgertest.NewBroker(t, partitions), t: t, db: pgtest.NewBare(t, testSchemas()...), chains: map[string]*chain{}}
	b.log = b.Open()
	return b
}

// setupReadings returns a bench whose log contains readings of nine accounts.
func setupReadings(t *testing.T, events int) *bench {
	t.Helper()
	b := setup(t)
	b.appendReadings(0, events)
	return b
}

// testSchemas is a search path that leads to the tables of the newest generation, including those of the
// tests' own projectors.
func testSchemas() []string {
	var schemas []string
	for _, number := range []int{3, 2, 1} {
		for _, p := range append(every(), tally) {
			schemas = append(schemas, ddl.Schema(p.Name, number))
		}
	}
	return append(schemas, migrations.Engine)
}

func (b *bench) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	b.t.Cleanup(cancel)
	return ctx
}

// engine creates an engine; nil config functions change nothing.
func (b *bench) engine(p fold.Projector, change ...func(*projections.Config)) *projections.Engine {
	b.t.Helper()
	c := projections.Config{
		Projector: p, Log: b.log, DatabaseURL: b.db.URL, Pool: b.db.Pool, Topics: b.Config.Topics, Registry: domain.NewRegistry(),
		Logger: quiet,
	}
	for _, f := range change {
		f(&c)
	}
	e, err := projections.New(c)
	require.NoError(b.t, err)
	return e.Looking(often, time.Minute, often).WritingEvery(1)
}

// start runs an engine until the test ends or stop is called, whichever comes first.
func (b *bench) start(e *projections.Engine) (stop func()) {
	b.t.Helper()
	stop = ledgertest.Run(b.t, e.Run)
	b.t.Cleanup(func() {
		for _, g := range b.gates {
			g.open()
		}
		stop()
	})
	return stop
}

// follow starts an engine and waits until it has folded everything.
func (b *bench) follow(e *projections.Engine) (stop func()) {
	b.t.Helper()
	stop = b.start(e)
	b.caughtUp(e)
	return stop
}

// startEngine creates and starts an engine.
func (b *bench) startEngine(p fold.Projector, change ...func(*projections.Config)) *projections.Engine {
	b.t.Helper()
	e := b.engine(p, change...)
	b.start(e)
	return e
}

// followEngine creates and starts an engine, and waits until it has folded everything.
func (b *bench) followEngine(p fold.Projector, change ...func(*projections.Config)) *projections.Engine {
	b.t.Helper()
	e := b.startEngine(p, change...)
	b.caughtUp(e)
	return e
}

// run starts an engine, waits until it has folded everything, and stops it.
func (b *bench) run(e *projections.Engine) {
	b.t.Helper()
	b.follow(e)()
}

// status returns the status of an engine.
func (b *bench) status(e *projections.Engine) operator.Projection {
	b.t.Helper()
	s, err := e.Status(b.ctx())
	require.NoError(b.t, err)
	return s
}

// caughtUp waits until the engine is live at the end of the log, and has folded all streams again
// that are due.
func (b *bench) caughtUp(e *projections.Engine) operator.Projection {
	b.t.Helper()
	return b.awaitStatus(e, func(s operator.Projection) bool {
		return s.Live() && s.Lag == 0 && s.Problem == "" &&
			b.count("select count(*) from streams where projection = $1 and generation = $2 and fold_again", s.Projection, s.Generation) == 0
	})
}

func (b *bench) awaitStatus(e *projections.Engine, ok func(operator.Projection) bool) operator.Projection {
	b.t.Helper()
	return ledgertest.Await(b.t, e.Status, ok)
}

// stepping retries a step of the generations while a step of an engine is in progress.
func stepping[T any](take func() (T, error)) (T, error) {
	for until := time.Now().Add(patience); ; {
		taken, err := take()
		if domain.CodeOf(err) != domain.CodeUnavailable || time.Now().After(until) {
			return taken, err
		}
		time.Sleep(tick)
	}
}

// askFor requests a rebuild.
func (b *bench) askFor(p fold.Projector) (operator.Generation, error) {
	return stepping(func() (operator.Generation, error) { return b.generations().Rebuild(b.ctx(), p, "op-1", "a test") })
}

// awaitDropped waits until the tables of a generation are dropped.
func (b *bench) awaitDropped(projection string, number int) {
	b.t.Helper()
	schema := fmt.Sprintf("lb_%s_g%d", projection, number)
	ledgertest.Eventually(b.t, func() bool { return b.count("select count(*) from pg_namespace where nspname = $1", schema) == 0 })
}

// append appends drafts in order.
func (b *bench) append(drafts ...domain.Draft) {
	b.t.Helper()
	require.NoError(b.t, b.log.AppendBulk(b.ctx(), drafts))
}

// encode returns the record of a draft.
func (b *bench) encode(d domain.Draft) eventlog.Record {
	b.t.Helper()
	r, err := b.log.Codec().Encode(d)
	require.NoError(b.t, err)
	return r
}

func (b *bench) partitionOf(topic, key string) int32 {
	return eventlog.PartitionOf([]byte(key), partitions[topic])
}

// put writes a record to the partition of its key.
func (b *bench) put(r eventlog.Record) domain.Position {
	b.t.Helper()
	return b.Produce(r, b.partitionOf(r.Topic, string(r.Key)))
}

// deadEvent is the part of a dead letter that tests compare.
type deadEvent struct {
	Partition int32
	Offset    int64
	Reason    operator.DeadLetterReason
}

func at(p domain.Position, reason operator.DeadLetterReason) deadEvent {
	return deadEvent{p.Partition, p.Offset, reason}
}

// letters returns the dead letters of a projection, ordered by position.
func (b *bench) letters(projection string) []deadEvent {
	b.t.Helper()
	return ledgertest.Rows[deadEvent](b.t, b.db.Pool, `
		select partition, log_offset, reason from dead_letters where projection = $1
		order by generation, partition, log_offset`, projection)
}

// encodeAny returns a record for the draft's key with any value, valid or not.
func (b *bench) encodeAny(d domain.Draft, from, to string) eventlog.Record {
	r := b.encode(d)
	r.Value = bytes.ReplaceAll(r.Value, []byte(from), []byte(to))
	return r
}

// text returns a text from a query.
func (b *bench) text(sql string, args ...any) string {
	b.t.Helper()
	return ledgertest.Value[string](b.t, b.db.Pool, sql, args...)
}

// exec runs a statement as an operator would by hand.
func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	ledgertest.Exec(b.t, b.db.Pool, sql, args...)
}

// count returns a number from a query.
func (b *bench) count(sql string, args ...any) int {
	b.t.Helper()
	return ledgertest.Value[int](b.t, b.db.Pool, sql, args...)
}

var (
	errInjected = errors.New("injected")
	quiet       = ledgertest.Quiet
)

// A stopped engine leaves no goroutine running.
func TestMain(m *testing.M) {
	leaks.Main(pgtest.Runner{Tests: m}, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
