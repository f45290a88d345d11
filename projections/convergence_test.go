package projections_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/operator"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// The result of a fold does not depend on batch cuts, crashes and races, and equals a bulk fold.
func TestFoldIsIndependentOfBatchesAndCrashes(t *testing.T) {
	t.Parallel()
	topics := ledgertest.Topics(t, partitions)
	codec := eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test")
	reference, interrupted, bulk := pgtest.New(t), pgtest.New(t), pgtest.New(t)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(every()).Draw(t, "projection")
		d := &drawing{T: t, log: newMemLog(codec, p.Topic), projector: p, chains: map[string]*chain{}}
		step := map[string]func(){ // draws the next record
			domain.TopicDashboards: d.dashboards, domain.TopicMetrics: d.metrics,
			domain.TopicDirectory: d.directory, domain.TopicContents: d.contents, domain.TopicOperations: d.operations,
		}[p.Topic]
		for d.n = range rapid.IntRange(1, 25).Draw(t, "records") {
			step()
		}
		log := d.log
		whole := folding{db: reference, topics: topics, projector: p}
		parts := folding{
			db: interrupted, topics: topics, projector: p,
			crashes: rapid.IntRange(0, 3).Draw(t, "crashes"), random: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)),
		}
		readers := []*reader{log.reader(rapid.Uint64().Draw(t, "cuts"))}
		if rapid.IntRange(0, 3).Draw(t, "zombie") == 0 {
			readers = append(readers, log.reader(rapid.Uint64().Draw(t, "cuts of the zombie")))
		}
		whole.empty(t)
		parts.empty(t)
		var folds errgroup.Group
		folds.Go(func() error { return whole.run(log.reader(0)) })
		folds.Go(func() error { return parts.run(readers...) })
		require.NoError(t, folds.Wait())
		requireSame(t, p, whole.state(t), parts.state(t))
		live := append(ledgertest.Dump(t, reference, p.Tables...), outcomes(t, reference, p)...)
		requireSame(t, p, live, foldInBulk(t, bulk, topics, p, log, rapid.SampledFrom([]int{1, 2000, 1 << 20}).Draw(t, "memory"), refusedLike(t, reference, p)))
	})
}

func requireSame(t *rapid.T, p fold.Projector, want, got []string) {
	if !slices.Equal(want, got) { // rapid shows nothing if it cannot reproduce a failure that depends on timing
		fmt.Fprintf(os.Stderr, "convergence of %s:\nwant\n  %s\ngot\n  %s\n", p.Name, strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}
	require.Equal(t, want, got)
}

// folding is one fold of a whole log.
type folding struct {
	db        *pgtest.DB
	topics    []eventlog.TopicSpec
	projector fold.Projector
	crashes   int // processes that end within a transaction

	mu     sync.Mutex
	random *rand.Rand
}

func (f *folding) state(t require.TestingT) []string {
	checkpoints := ledgertest.Column[string](t, f.db.Pool, `
		select format('checkpoint %s %s %s', partition, next_offset, event_time) from checkpoints
		where projection = $1 order by partition`, f.projector.Name)
	return append(checkpoints, state(t, f.db, f.projector)...)
}

// empty empties the tables of the generation of the previous log.
func (f *folding) empty(t require.TestingT) {
	f.db.Delete(t, append(f.projector.Tables, "dead_letters", "streams")...)
	_, err := f.db.Pool.Exec(context.Background(), "update checkpoints set next_offset = 0, event_time = null")
	require.NoError(t, err)
}

// run folds the log from empty tables to its end, with one engine per reader.
func (f *folding) run(readers ...*reader) error {
	for {
		if crashed, err := f.process(readers); err != nil || !crashed {
			return err
		}
	}
}

// process runs until the end of the log is folded or one engine crashes; then it stops all engines.
func (f *folding) process(readers []*reader) (crashed bool, err error) {
	ctx, crash := context.WithCancel(context.Background())
	var engines sync.WaitGroup
	defer engines.Wait()
	defer crash()
	var last *projections.Engine
	for _, r := range readers {
		last, err = projections.New(projections.Config{
			Projector: faulty(f.projector, f.write(crash), f.copy(crash)), Log: r, DatabaseURL: f.db.URL, Pool: f.db.Pool, Topics: f.topics,
			Registry: domain.NewRegistry(), Logger: quiet,
		})
		if err != nil {
			return false, err
		}
		e := last
		engines.Go(func() { _ = e.Run(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return true, nil
		case <-readers[len(readers)-1].atEnd:
		case <-time.After(patience):
			return false, errors.New("the end of the log was not reached")
		}
		s, err := last.Status(context.Background())
		if err != nil {
			return false, err
		}
		for s.Live() && s.Lag == 0 {
			again, err := pg.QueryBool(context.Background(), f.db.Pool, "look for streams", "select exists (select from streams where fold_again)")
			if err != nil || !again {
				return false, err
			}
			select {
			case <-ctx.Done():
				return true, nil
			case <-time.After(tick):
			}
		}
	}
}

// write refuses events with an id that ends in "!", and crashes at random before or after the rows.
func (f *folding) write(crash func()) fault {
	return func(ctx context.Context, batch folded) error {
		for _, ev := range batch.events {
			if strings.HasSuffix(ev.Envelope.ID, "!") {
				_, err := batch.conn.Exec(ctx, "select 1/0")
				return err
			}
		}
		return f.orCrash(crash, batch.next)
	}
}

// errRefusedValue is the error of the database with which [folding.write] and [folding.copy] refuse.
var errRefusedValue = &pgconn.PgError{Code: "22012"}

// copy refuses and crashes like write when a stream is folded again.
func (f *folding) copy(crash func()) fault {
	return func(_ context.Context, stream folded) error {
		for _, ev := range stream.events {
			if strings.HasSuffix(ev.Envelope.ID, "!") {
				return errRefusedValue
			}
		}
		return f.orCrash(crash, stream.next)
	}
}

func (f *folding) orCrash(crash func(), next func() error) error {
	before, after := f.draw(), f.draw()
	if before {
		crash()
		return context.Canceled
	}
	if err := next(); err != nil {
		return err
	}
	if after {
		crash()
		return context.Canceled
	}
	return nil
}

func (f *folding) draw() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashes == 0 || f.random.IntN(6) > 0 {
		return false
	}
	f.crashes--
	return true
}

// outcomes returns the dead letters and the streams of the tables.
func outcomes(t require.TestingT, db *pgtest.DB, p fold.Projector) (lines []string) {
	type letter struct {
		Line   string
		Params map[string]string
	}
	for _, d := range ledgertest.Rows[letter](t, db.Pool, `
		select format('%s/%s %s %s %s %s', partition, log_offset, stream_key, event_type, event_id, reason), params
		from dead_letters where projection = $1 order by partition, log_offset`, p.Name) {
		lines = append(lines, fmt.Sprint(d.Line, " ", d.Params))
	}
	return append(lines, ledgertest.Column[string](t, db.Pool, `
		select format('%s %s %s %s %s', stream_key, version, encode(hash, 'hex'), coalesce(stopped_at, 0),
			case when fold_again then 'true' else 'false' end)
		from streams where projection = $1 order by stream_key collate "C"`, p.Name)...)
}

// foldInBulk fills empty tables in bulk and returns them with the dead letters and the streams. The
// projector refuses what the database refused live.
func foldInBulk(
	t require.TestingT, db *pgtest.DB, topics []eventlog.TopicSpec, p fold.Projector, log *memLog, memory int,
	refused func(fold.Event) *fold.BadEventError,
) []string {
	ctx := context.Background()
	db.Delete(t, p.Tables...)
	begin := p.Begin
	p.Begin = func(generation int) fold.Fold { return refusingFold{begin(generation), refused} }
	var letters, streams []string
	err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) (err error) {
		letters, streams, err = projections.FoldInBulk(ctx, projections.Config{
			Projector: p, Log: log.reader(0), DatabaseURL: db.URL, Pool: db.Pool, Topics: topics, Registry: domain.NewRegistry(), Logger: quiet,
		}, log.ends(), memory, tx)
		return err
	})
	require.NoError(t, err)
	return append(append(ledgertest.Dump(t, db, p.Tables...), letters...), streams...)
}

type refusingFold struct {
	fold.Fold
	refused func(fold.Event) *fold.BadEventError
}

func (r refusingFold) Apply(ev fold.Event) error {
	if bad := r.refused(ev); bad != nil {
		return bad
	}
	return r.Fold.Apply(ev)
}

// refusedLike refuses the events that [folding.write] refused live; events that the fold itself
// refuses do not get this far.
func refusedLike(t require.TestingT, live *pgtest.DB, p fold.Projector) func(fold.Event) *fold.BadEventError {
	type place struct {
		Partition int32
		Offset    int64
	}
	type letter struct {
		place
		Reason string
	}
	reasons := map[place]string{} // a record and its copy have the same id
	for _, d := range ledgertest.Rows[letter](t, live.Pool, `select partition, log_offset, reason from dead_letters where projection = $1`, p.Name) {
		reasons[d.place] = d.Reason
	}
	return func(ev fold.Event) *fold.BadEventError {
		reason, dead := reasons[place{ev.Raw.Partition, ev.Raw.Offset}]
		if !strings.HasSuffix(ev.Envelope.ID, "!") || dead && reason != string(operator.ReasonWrite) {
			return nil
		}
		return fold.RefusedByDatabase(errRefusedValue)
	}
}

// drawing fills a log with records that a topic can contain, valid or not.
type drawing struct {
	*rapid.T
	log       *memLog
	projector fold.Projector
	chains    map[string]*chain
	n         int
}

func (d *drawing) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(d.T, label) }

// id returns an event id; the database refuses ids that end in "!".
func (d *drawing) id() string {
	if d.pick("refused", 12) == 0 {
		return fmt.Sprintf("e%d!", d.n)
	}
	return fmt.Sprintf("e%d", d.n)
}

// put appends a record to the partition of its key, sometimes twice, like a retried append. A
// record that the database refuses is appended once: its copy would be stale and write nothing.
func (d *drawing) put(r eventlog.Record) {
	again := d.pick("again", 8) / 7
	if slices.ContainsFunc(r.Headers, func(h eventlog.Header) bool { return h.Key == "ce_id" && strings.HasSuffix(string(h.Value), "!") }) {
		again = 0
	}
	for range 1 + again {
		d.log.Put(r)
	}
}

// operator draws a skip of an earlier event, or of one that does not exist yet.
func (d *drawing) operator() domain.Data { return skip(int64(d.pick("version", d.n+3) + 1)) }

// record encodes a draft of an unchained topic and may corrupt it.
func (d *drawing) record(key string, data domain.Data) {
	d.draft(draft(d.log.topic, key, d.id(), data))
}

func (d *drawing) draft(record domain.Draft) {
	r, err := d.log.Encode(record)
	if err != nil {
		panic(err)
	}
	switch d.pick("spoil", 10) {
	case 0:
		r = withValue(r, `{"id":`)
	case 1:
		r = withHeader(r, "ce_type", []byte("new.type.v1"))
	}
	d.put(r)
}

// metrics draws readings that collide: two agencies read one page, some figures have many gaps,
// instants repeat.
func (d *drawing) metrics() {
	social := int64(d.pick("social", 2) + 1)
	key := strconv.FormatInt(social, 10)
	hour := day0.Add(time.Duration(d.pick("hour", 5)*d.pick("apart", 9)) * time.Hour)
	value := int64(d.pick("value", 50))
	tenant := tenantOf(social)
	if d.pick("agency", 3) == 0 {
		tenant.ParentAccount, tenant.AccountID = agencyB, client2
	}
	figure := func(label string) *int64 {
		if d.pick(label+" absent", 2) == 0 {
			return nil
		}
		return new(value + int64(d.pick(label, 9)))
	}
	post := []string{"p", "p", "q"}[d.pick("post", 3)]
	switch d.pick("what", 7) {
	case 0:
		d.record(key, d.operator())
	case 6:
		d.record(key, domain.PostsMerged{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: "p", OtherID: "q", MergedAt: hour,
		})
	case 5:
		d.record(key, domain.AccountErased{ParentAccount: tenant.ParentAccount, SocialAccount: social, Platform: domain.Facebook, ErasedAt: hour})
	case 1:
		d.record(key, domain.AccountRead{
			Tenant: tenant, Platform: domain.Facebook, CapturedAt: hour,
			Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: value}},
		})
	case 2:
		d.record(key, domain.PostRegistered{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: post, Origin: domain.OriginMainApp,
			RegisteredAt: hour, PostType: fmt.Sprint(value),
		})
	default:
		d.record(key, domain.PostRead{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: post, CapturedAt: hour,
			GrowthEligible: value%3 > 0, GrowthWindow: "168h0m0s", FromZero: value%2 > 0,
			Counts: domain.Counts{Likes: figure("likes"), Comments: figure("comments"), Shares: figure("shares")},
		})
	}
}

// contents draws the content of two posts, including tombstones, in any order of time.
func (d *drawing) contents() {
	post := domain.PostRef{ParentAccount: agencyA, SocialAccount: 1, ExternalID: fmt.Sprint("p", d.pick("post", 2))}
	origin := []domain.PostOrigin{domain.OriginListing, domain.OriginMainApp}[d.pick("origin", 2)]
	key := post.ContentKey(origin)
	at := day0.Add(time.Duration(d.pick("hour", 4)) * time.Hour)
	content := domain.PostContent{PostRef: post, AccountID: []string{agencyA, agencyB}[d.pick("client", 2)], Origin: origin, PostTexts: domain.PostTexts{Content: fmt.Sprint(d.pick("text", 3))}}
	drawn := draft(d.log.topic, key, d.id(), content)
	switch d.pick("what", 7) {
	case 0:
		d.record(key, d.operator())
		return
	case 2:
		drawn.Data, drawn.Envelope.Type = nil, content.EventType()
	}
	drawn.Envelope.Time = at
	d.draft(drawn)
}

func (d *drawing) directory() {
	id := int64(d.pick("category", 3) + 1)
	key := domain.DirectoryKey(domain.KindCategory, strconv.FormatInt(id, 10))
	at := day0.Add(time.Duration(d.pick("at", 6)) * time.Hour)
	switch d.pick("what", 6) {
	case 0:
		d.record(key, d.operator())
	case 1:
		erased := categoryErased(id)
		erased.Envelope.Time = at
		d.draft(erased)
	case 2:
		d.record(key, domain.DirectoryCategory{ID: id + 1, Name: "under another's key"})
	default:
		entity := category(id, fmt.Sprint("name ", d.n))
		entity.Envelope.Time = at
		d.draft(entity)
	}
}

func (d *drawing) operations() {
	switch d.pick("what", 4) {
	case 0:
		d.record("-", d.operator())
	case 1:
		d.record("-", domain.OperatorFinished{Of: "x"})
	default:
		d.record("-", domain.ConnectionStateChanged{
			ConnectionID: int64(d.pick("connection", 2)), Platform: domain.TikTok, Code: domain.StatusCode(fmt.Sprint(d.n)),
			At: day0.Add(time.Duration(d.pick("at", 3)) * time.Hour),
		})
	}
}

// idempotencyKeys include keys that a rebuild can pack and keys that it cannot.
var idempotencyKeys = []string{
	"", "plain words", "Zürich", "0198e6a2-7c4f-7d11-9a53-0f6b2c8d9e10", "0198E6A2-7C4F-7D11-9A53-0F6B2C8D9E10",
	"{0198e6a2-7c4f-7d11-9a53-0f6b2c8d9e10}", "00ff", "00FF", "0ff", strings.Repeat("ab", 32), strings.Repeat("x", 300),
}

func (d *drawing) dashboards() {
	key := []string{agencyA, agencyB, agenciesIn(1, 1)[0]}[d.pick("agency", 3)]
	if d.chains[key] == nil {
		d.chains[key] = newChain(d.log.Codec, key)
	}
	c := d.chains[key]
	account := []string{client1, client2}[d.pick("account", 2)]
	changed := c.lost(account, []string{fmt.Sprint("left ", d.n)}, fmt.Sprint("user ", d.n))
	named := func(dr *domain.Draft) {
		dr.Envelope.ID = d.id()
		dr.Envelope.Audit.IdempotencyKey = rapid.SampledFrom(idempotencyKeys).Draw(d.T, "idempotency key")
		dr.Envelope.Audit.RequestDigest = rapid.SampledFrom(idempotencyKeys).Draw(d.T, "digest")
	}
	late := func(dr *domain.Draft) { // more than a day later: commands are forgotten
		dr.Envelope.Time = dr.Envelope.Time.Add(time.Duration(d.n) * 10 * time.Hour)
	}
	home := eventlog.PartitionOf([]byte(key), int32(len(d.log.partitions())))
	switch d.pick("what", 12) {
	case 0, 1:
		d.put(c.next(d.operator(), late))
	case 2:
		d.put(c.spoilt(`{`))
	case 3:
		d.put(c.retyped("dashboard.new.v1"))
	case 4: // a lost race
		loser := c.clone()
		d.put(c.next(changed, named, late))
		d.put(loser.next(changed, late))
	case 5: // forged
		forger := c.clone()
		forger.head.Hash[3] ^= 1
		d.put(forger.next(changed, late))
	case 6: // in a wrong partition
		d.log.Add(c.clone().next(changed, late), (home+1)%int32(len(d.log.partitions())))
	case 7: // of another topic, but in order
		d.put(c.next(domain.DirectoryCategory{ID: 1, Name: "x"}, late))
	default:
		d.put(c.next(changed, named, late))
	}
}
