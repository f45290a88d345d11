package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// sizeWorld is readings whose bytes are measured in the tables, and how fast they are folded. Their values change all
// the time.
type sizeWorld struct {
	name      string
	projector fold.Projector
	every     time.Duration // between two slots of readings
	slots     int
	registers bool
	shuffled  bool // in no order, as some imports come
	read      func(slot int, at time.Time) []fold.Event
}

const (
	sizeAccounts  = 20
	sizePosts     = 1000 // ten of each account
	sizeBatch     = 500  // readings of a transaction
	sizeQuarters  = 15 * time.Minute
	sizeReadDaily = 24 * time.Hour
)

func sizeWorlds() []sizeWorld {
	world := figureWorld{posts: sizePosts}
	accounts := func(name string, every time.Duration, slots int) sizeWorld {
		return sizeWorld{
			name: name, projector: projectors.AccountInsights, every: every, slots: slots,
			read: func(slot int, at time.Time) []fold.Event { return world.accountReads(0, slot, at)[:sizeAccounts] },
		}
	}
	posts := func(name string, at func(post int, day time.Time) time.Time) sizeWorld {
		return sizeWorld{
			name: name, projector: projectors.PostInsights, every: sizeReadDaily, slots: 60, registers: true,
			read: func(slot int, day time.Time) (events []fold.Event) {
				for social := range figureSocials { // as the fetcher reads them
					for post := social; post < sizePosts; post += figureSocials {
						events = append(events, world.postReads(0, slot, []int{post}, at(post, day))...)
					}
				}
				return events
			},
		}
	}
	shuffled := func(w sizeWorld) sizeWorld { w.shuffled = true; return w }
	return []sizeWorld{
		accounts("size_accounts_daily", sizeReadDaily, 3*365),
		shuffled(accounts("size_accounts_shuffled", sizeReadDaily, 3*365)),
		accounts("size_accounts_hourly", time.Hour, 60*24),
		accounts("size_accounts_30s", 30*time.Second, 5*2880),
		posts("size_posts", func(_ int, day time.Time) time.Time { return day }),
		posts("size_posts_own_quarters", func(post int, day time.Time) time.Time {
			return day.Add(time.Duration(post/figureSocials) * sizeQuarters)
		}),
		shuffled(posts("size_posts_shuffled", func(_ int, day time.Time) time.Time { return day })),
	}
}

const sizeInLog = 2000 // readings that are appended

// logSizes measures the bytes that readings of the demo's accounts and posts take on a broker, if an append has one
// reading of an account, and ten of the posts of one account.
func (b *bench) logSizes(ctx context.Context, print func(result) error) error {
	var accounts, posts []domain.Draft
	open := map[string][]domain.Draft{} // of posts, by key, until there are ten
	drafts, err := demo.New(demo.Config{Seed: 1, Anchor: firstReading}).Drafts(ctx)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		switch d.Data.(type) {
		case domain.AccountRead:
			accounts = append(accounts, d)
		case domain.PostRead:
			if open[d.Key] = append(open[d.Key], d); len(open[d.Key]) == 10 {
				posts = append(posts, open[d.Key]...)
				delete(open, d.Key)
			}
		}
	}
	return errors.Join(
		b.logSize(ctx, "size_log_accounts_by_one", slices.Chunk(accounts[:sizeInLog], 1), print),
		b.logSize(ctx, "size_log_posts_by_ten", slices.Chunk(posts[:sizeInLog], 10), print),
	)
}

func (b *bench) logSize(ctx context.Context, name string, appends iter.Seq[[]domain.Draft], print func(result) error) error {
	log, _, stop, err := b.eventLog(ctx)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	for drafts := range appends {
		if err := log.AppendBulk(ctx, drafts); err != nil {
			return fmt.Errorf("fill the log: %w", err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.brokers...))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	defer client.Close()
	dirs, err := kadm.NewClient(client).DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return fmt.Errorf("read the size of the log: %w", err)
	}
	bytes := map[int32]int64{} // of one replica
	dirs.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			if p.Topic == domain.TopicMetrics {
				bytes[p.Partition] = max(bytes[p.Partition], p.Size)
			}
		})
	})
	all := 0.0
	for _, size := range bytes {
		all += float64(size)
	}
	return print(result{Name: name, Value: round(all / sizeInLog), Unit: "bytes/reading"})
}

// tableSizes measures the bytes that a reading takes in each table and in its indexes.
func (b *bench) tableSizes(w sizeWorld) func(context.Context, func(result) error) error {
	return func(ctx context.Context, print func(result) error) error { return b.tableSize(ctx, w, print) }
}

func (b *bench) tableSize(ctx context.Context, w sizeWorld, print func(result) error) error {
	pool, err := b.database(ctx, 2)
	if err != nil {
		return err
	}
	defer pool.Close()
	if w.registers {
		if err := tables.Fold(ctx, pool, w.projector, figureWorld{posts: sizePosts}.registrations(0)); err != nil {
			return err
		}
	}
	var events []fold.Event
	for slot := range w.slots {
		events = append(events, w.read(slot, firstReading.Add(time.Duration(slot)*w.every))...)
	}
	if w.shuffled {
		rand.New(rand.NewPCG(1, 1)).Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	}
	readings, began := float64(len(events)), time.Now()
	for batch := range slices.Chunk(events, sizeBatch) {
		if err := tables.Fold(ctx, pool, w.projector, batch); err != nil {
			return fmt.Errorf("fill the tables: %w", err)
		}
	}
	if err := print(result{Name: w.name + "_folded", Value: round(readings / time.Since(began).Seconds()), Unit: "events/s"}); err != nil {
		return err
	}
	all := 0.0
	for _, table := range w.projector.Tables {
		for _, part := range []string{"table", "indexes"} {
			var bytes float64
			err := pool.QueryRow(ctx, `
				select sum(pg_`+part+`_size(r))::float8
				from (select $1::regclass r union select relid from pg_partition_tree($1::regclass)) t`,
				strings.ToLower(table)).Scan(&bytes)
			if err != nil {
				return fmt.Errorf("read the size of %s: %w", table, err)
			}
			all += bytes
			if perReading := bytes / readings; perReading >= 1 {
				name := fmt.Sprintf("%s_%s_%s", w.name, strings.ToLower(table), part)
				if err := print(result{Name: name, Value: round(perReading), Unit: "bytes/reading"}); err != nil {
					return err
				}
			}
		}
	}
	return print(result{Name: w.name + "_tables", Value: round(all / readings), Unit: "bytes/reading"})
}
