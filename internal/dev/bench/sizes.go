package main

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// sizeWorld is readings whose bytes are measured in the tables, and how fast they are folded. Their values
// change all the time.
type sizeWorld struct {
	name      string
	projector fold.Projector
	before    []fold.Event  // that are folded before
	every     time.Duration // between two slots of readings
	slots     int
	read      func(slot int, at time.Time) []fold.Event
}

const (
	sizeAccounts = 20
	sizePosts    = 1000 // ten of each account
	sizeBatch    = 500  // readings of a transaction
	sizeQuarters = 15 * time.Minute
	sizeInLog    = 2000 // readings that are appended
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
			name: name, projector: projectors.PostInsights, before: world.registrations(0), every: 24 * time.Hour, slots: 60,
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
	return []sizeWorld{
		accounts("size_accounts_daily", 24*time.Hour, 3*365),
		accounts("size_accounts_hourly", time.Hour, 60*24),
		accounts("size_accounts_30s", 30*time.Second, 5*2880),
		posts("size_posts", func(_ int, day time.Time) time.Time { return day }),
		posts("size_posts_own_quarters", func(post int, day time.Time) time.Time {
			return day.Add(time.Duration(post/figureSocials) * sizeQuarters)
		}),
	}
}

// measure measures the bytes that a reading takes in each table and in its indexes.
func (s sizeWorld) measure(b *bench) {
	pool := b.database(2)
	if len(s.before) > 0 {
		require.NoError(b, tables.Fold(b.ctx, pool, s.projector, s.before))
	}
	var events []fold.Event
	for slot := range s.slots {
		events = append(events, s.read(slot, firstReading.Add(time.Duration(slot)*s.every))...)
	}
	readings, began := float64(len(events)), time.Now()
	for batch := range slices.Chunk(events, sizeBatch) {
		require.NoError(b, tables.Fold(b.ctx, pool, s.projector, batch))
	}
	b.report(s.name+"_folded", "events/s", readings/time.Since(began).Seconds())
	all := 0.0
	for _, table := range s.projector.Tables {
		for _, part := range []string{"table", "indexes"} {
			bytes := ledgertest.Value[float64](b, pool, `
				select sum(pg_`+part+`_size(r))::float8
				from (select $1::regclass r union select relid from pg_partition_tree($1::regclass)) t`, strings.ToLower(table))
			all += bytes
			if bytes >= readings {
				b.report(fmt.Sprintf("%s_%s_%s", s.name, strings.ToLower(table), part), "bytes/reading", bytes/readings)
			}
		}
	}
	b.report(s.name+"_tables", "bytes/reading", all/readings)
}

// logSizes measures the bytes that readings of the demo's accounts and posts take on a broker, if an append
// has one reading of an account, and ten of the posts of one account.
func logSizes(b *bench) {
	var accounts, posts []domain.Draft
	open := map[string][]domain.Draft{} // of posts, by key, until there are ten
	drafts, err := demo.New(demo.Config{Seed: 1, Anchor: firstReading}).Drafts(b.ctx)
	require.NoError(b, err)
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
	logSize(b, "size_log_accounts_by_one", slices.Chunk(accounts[:sizeInLog], 1))
	logSize(b, "size_log_posts_by_ten", slices.Chunk(posts[:sizeInLog], 10))
}

func logSize(b *bench, name string, appends iter.Seq[[]domain.Draft]) {
	log := b.ledger()
	defer log.stop()
	for drafts := range appends {
		require.NoError(b, log.AppendBulk(b.ctx, drafts))
	}
	_, admin := ledgertest.NewAdmin(b, log.brokers)
	dirs, err := admin.DescribeAllLogDirs(b.ctx, nil)
	require.NoError(b, err)
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
	b.report(name, "bytes/reading", all/sizeInLog)
}
