package projections_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/operator"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

func withValue(r eventlog.Record, value string) eventlog.Record {
	r.Value = []byte(value)
	return r
}

// Dead letters have a reason and a position, but no payload.
func TestPoisonIsADeadLetterAndTheRestIsFolded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := b.encode(postRead(1, 1))
	value := string(good.Value)
	poison := []struct {
		name   string
		record eventlog.Record
		reason operator.DeadLetterReason
	}{
		{"half a payload", withValue(good, value[:len(value)/2]), operator.ReasonUndecodable},
		{"a payload against its rules", withValue(good, strings.Replace(value, `"p_id":1`, `"p_id":2`, 1)), operator.ReasonUndecodable},
		{"a number that no column takes", withValue(good, strings.Replace(value, `"likes":1`, `"likes":9223372036854775807`, 1)), operator.ReasonUndecodable},
		{"an escaped NUL", withValue(good, strings.Replace(value, `"external_id":"p"`, `"external_id":"p\u0000"`, 1)), operator.ReasonUndecodable},
		{"no UTF-8", withValue(good, strings.Replace(value, `"external_id":"p"`, "\"external_id\":\"p\xff\"", 1)), operator.ReasonUndecodable},
		{"a huge payload", withValue(good, `{"external_id":"`+strings.Repeat("x", 100_000)+`"}`), operator.ReasonUndecodable},
		{"no id", withHeader(good, "ce_id", nil), operator.ReasonMalformed},
		{"no time", withHeader(good, "ce_time", nil), operator.ReasonMalformed},
		{"an invalid time", withHeader(good, "ce_time", []byte("noon")), operator.ReasonMalformed},
		{"a NUL in a header", withHeader(good, "ce_subject", []byte("a\x00b")), operator.ReasonMalformed},
		{"a header twice", withHeader(good, "ce_id", []byte("x")), operator.ReasonMalformed},
		{"chain headers where no chain is", withHeader(good, "ce_chainversion", []byte("1")), operator.ReasonMalformed},
		{"no value", withValue(good, ""), operator.ReasonMalformed},
		{"no type", withHeader(good, "ce_type", nil), operator.ReasonMalformed},
	}
	var want []deadEvent
	for i, p := range poison {
		b.put(b.encode(postRead(1, i)))
		if p.name == "a header twice" {
			p.record.Headers = append(p.record.Headers, eventlog.Header{Key: "ce_id", Value: []byte("y")})
		}
		want = append(want, at(b.put(p.record), p.reason))
	}
	s := b.caughtUp(b.startEngine(projectors.PostInsights))
	require.Equal(t, want, b.letters("post_insights"))
	require.Equal(t, int64(len(want)), s.DeadLetters)
	require.Equal(t, len(poison), b.count("select count(*) from tSPostInsights"))
	require.Equal(t, len(poison)-1, b.count("select count(*) from tSPostGrowth where glikes = 1"))
	require.Zero(t, b.count("select count(*) from dead_letters where stream_key <> '1'"))
}

// The table and the process's log hold no values of the record: both remain after a person is
// erased.
func TestDeadLettersHoldNoValues(t *testing.T) {
	t.Parallel()
	const name, phone = "Maria Muster", "4917612345"
	b := setup(t)
	users := 0
	user := func() domain.Draft { // each has its own key: a later record of a key removes its dead letter
		users++
		id := fmt.Sprintf("a11ce%019d", users)
		return commands.EntityDraft(domain.DirectoryUser{ID: id, AccountID: "aaaaaaaaaaaaaaaaaaaaaaaa", Name: name, Active: true}, time.Now())
	}
	spoilt := func(from, to string) eventlog.Record {
		good := b.encode(user())
		require.Contains(t, string(good.Value), from)
		return withValue(good, strings.Replace(string(good.Value), from, to, 1))
	}
	for _, bad := range []eventlog.Record{
		spoilt(`"`+name+`"`, phone), spoilt(`"active":true`, `"active":"`+name+`"`),
		spoilt(`"active":true`, `"active":true,"updated_at":"`+name+`"`),
		spoilt(`"aaaaaaaaaaaaaaaaaaaaaaaa"`, `"`+name+strings.Repeat("x", 1000)+`"`),
	} {
		b.put(bad)
	}
	refused := user()
	b.put(b.encode(refused))
	var tries atomic.Int32
	var logged bytes.Buffer
	b.run(b.engine(refusing(projectors.Directory, "select '"+name+"'::int", &tries, refused.Envelope.ID), func(c *projections.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}))
	rows := ledgertest.Column[string](t, b.db.Pool, "select dead_letters::text from dead_letters")
	require.Len(t, rows, 5)
	require.Contains(t, strings.Join(rows, "\n"), "22P02")
	require.Contains(t, logged.String(), "event is a dead letter")
	for _, text := range append(rows, logged.String()) {
		require.NotContains(t, text, "Maria")
		require.NotContains(t, text, phone)
	}
}

// A projection passes over the types of other projections, whatever is wrong with their events.
func TestDeadLettersBelongToOneProjection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	read := b.encode(postRead(1, 1))
	undecodable := at(b.put(withValue(read, `{}`)), operator.ReasonUndecodable)
	account := b.encode(accountRead(1, 1))
	otherUndecodable := at(b.put(withValue(account, `{}`)), operator.ReasonUndecodable)
	b.run(b.engine(projectors.PostInsights))
	b.run(b.engine(projectors.AccountInsights))
	require.Equal(t, []deadEvent{undecodable}, b.letters("post_insights"))
	require.Equal(t, []deadEvent{otherUndecodable}, b.letters("account_insights"))
}

// refusing fails the transaction, like a refused value, if one of the events is in the batch.
func refusing(p fold.Projector, sql string, tries *atomic.Int32, bad ...string) fold.Projector {
	return writes(p, func(ctx context.Context, f folded) error {
		tries.Add(1)
		for _, ev := range f.events {
			if slices.Contains(bad, ev.Envelope.ID) {
				_, err := f.conn.Exec(ctx, sql)
				return err
			}
		}
		return f.next()
	})
}

// A value that PostgreSQL refuses is found by halving the batch, and its event alone is a dead letter. It is sent with
// the commit, which then does nothing.
func TestRefusedRowIsFoundByBisectingBatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec("create table lb_engine.required (projection text not null)")
	refused := map[int]string{ // 57 and 64 have one key
		0:   "select 1/0",
		57:  "select 70000::int::smallint",
		64:  "insert into lb_engine.required (projection) values (null)",
		299: "select 1/0",
	}
	bad := map[string]string{}
	var want []deadEvent
	for i := range 300 {
		d := postRead(int64(i%7+1), i)
		position := b.put(b.encode(d))
		if sql := refused[i]; sql != "" {
			bad[d.Envelope.ID] = sql
			want = append(want, at(position, operator.ReasonWrite))
		}
	}
	var tries atomic.Int32
	b.run(b.engine(writes(tally, func(_ context.Context, f folded) error {
		tries.Add(1)
		err := f.next()
		for _, ev := range f.events {
			if sql := bad[ev.Envelope.ID]; sql != "" {
				f.last.Queue(sql)
			}
		}
		return err
	})))
	require.ElementsMatch(t, want, b.letters("tally"))
	b.eachOnce(300 - len(bad))
	require.Less(t, int(tries.Load()), 120, "it halves instead of trying one by one")
}

// PostgreSQL's error for them (54000) is not bisected: it would stop the partition forever.
func TestTextsTooLongForAnIndexAreDeadLetters(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 3000) // no index can compress it
	_, _ = rand.Read(raw)
	long := hex.EncodeToString(raw)
	b := setup(t)
	chained := func(change func(*domain.Draft)) func() eventlog.Record {
		return func() eventlog.Record {
			c := b.chain(agenciesIn(1, len(b.chains)+1)[len(b.chains)])
			return c.next(c.usersSet(client1, "u"), change)
		}
	}
	want := map[string][]deadEvent{}
	for _, c := range []struct {
		name      string
		projector fold.Projector
		record    func() eventlog.Record
		reason    operator.DeadLetterReason
	}{
		{"a figure's name", projectors.AccountInsights, func() eventlog.Record {
			return b.encodeAny(accountRead(1, 1), "followers", long)
		}, operator.ReasonUndecodable},
		{"a figure's source", projectors.AccountInsights, func() eventlog.Record {
			return b.encodeAny(accountRead(1, 1), "fan_count", long)
		}, operator.ReasonUndecodable},
		{"a user's id", projectors.Directory, func() eventlog.Record {
			r := withHeader(b.encode(category(1, "x")), "ce_type", []byte(domain.DirectoryUser{}.EventType()))
			r.Key = []byte("user:" + long)
			return withValue(r, `{"id":"`+long+`"}`)
		}, operator.ReasonUndecodable},
		{"an account's agency", projectors.Directory, func() eventlog.Record {
			account := domain.DirectoryAccount{ID: client1, ParentAccount: "PARENT"}
			return b.encodeAny(draft(domain.TopicDirectory, "account:"+client1, "a", account), "PARENT", long)
		}, operator.ReasonUndecodable},
		{"the key of an operator's record", projectors.Operations, func() eventlog.Record {
			r := b.encode(draft(domain.TopicOperations, "-", "op", domain.OperatorFinished{Of: "x"}))
			r.Key = []byte(long)
			return r
		}, operator.ReasonRefused},
		{"an actor", dashboards, chained(func(d *domain.Draft) { d.Envelope.Audit.Actor = long }), operator.ReasonRefused},
		{"an idempotency key", dashboards, chained(func(d *domain.Draft) {
			d.Envelope.Audit.IdempotencyKey = long
		}), operator.ReasonRefused},
		{"a user on a list", dashboards, func() eventlog.Record {
			return withValue(chained(func(*domain.Draft) {})(), `{"primary":"`+client1+`","linked":["`+client1+`"],"users":["`+long+`"]}`)
		}, operator.ReasonUndecodable},
	} {
		name := c.projector.Name
		want[name] = append(want[name], at(b.put(c.record()), c.reason))
	}
	for _, p := range []fold.Projector{projectors.AccountInsights, projectors.Directory, projectors.Operations, dashboards} {
		b.run(b.engine(p))
		require.ElementsMatch(t, want[p.Name], b.letters(p.Name), p.Name)
	}
}
