//go:build e2e

package e2e_test

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// whileItRuns lets those attacks that only add have the running service, one after the other: first those that change nothing.
func (o *origin) whileItRuns(t *testing.T) {
	s := &scene{origin: o, t: t, dir: t.TempDir()}
	copyDir(t, s.dir, o.dir)
	s.service = startDemo(t, s.dir, "--rate-limit", "0", "--roles", "api,projector")
	s.database = s.service.info.DatabaseURL
	before := s.stands()
	run := func(list []attack) {
		for _, a := range list {
			t.Run(a.name, func(t *testing.T) {
				s.t, s.service.t = t, t
				a.do(s)
				a.judge(t, s.verify("--all"))
			})
		}
		s.t, s.service.t = t, t
	}
	run(addedInVain())
	require.Equal(t, before, s.stands(), "nothing of it counts")
	sub := s.info.IDs.SubAccounts[0]
	s.service.setUsers(sub, ids(s.service.listed(sub)[1:])) // and nobody is locked out
	run(addedAndCounted())
}

// stands is what must not change by records that do not count.
func (s *scene) stands() []string {
	s.t.Helper()
	return s.service.column(`
		select d::text from dashboard_preferences d union all select h::text from dashboard_heads h
		union all select a.id || coalesce(a.parent_account, '') from accounts a union all select u.id || u.account_id || u.active from users u
		union all select c::text from connection_states c union all select p::text from parked p order by 1`)
}

// add appends records of anybody to the running service's log.
func (s *scene) add(list ...*kgo.Record) {
	s.t.Helper()
	client := s.bare()
	require.NoError(s.t, client.ProduceSync(s.t.Context(), list...).FirstErr())
}

func (s *scene) bare() *kgo.Client {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.service.info.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(s.t, err)
	s.t.Cleanup(client.Close)
	return client
}

// last is a copy of the agency's last record that counts, as it lies in the log.
func (s *scene) last() *kgo.Record {
	s.t.Helper()
	client := s.bare()
	version := s.service.column("select version::text from dashboard_heads where parent_account = '" + s.agency + "'")[0]
	log := s.read(client, kadm.NewClient(client))
	for _, r := range log["dashboards"][log.of(s)] {
		if string(r.Key) == s.agency && header(r, "ce_chainversion") == version {
			return copyOf(r)
		}
	}
	require.FailNow(s.t, "the log lacks the head")
	return nil
}

// next is a record that follows the agency's head as well as can be, made of the last one.
func (s *scene) next(versions int, at time.Time) *kgo.Record {
	s.t.Helper()
	r := s.last()
	head := s.service.column("select encode(hash, 'hex') from dashboard_heads where parent_account = '" + s.agency + "'")[0]
	setHeader(r, "ce_chainprev", head)
	setHeader(r, "ce_chainversion", strconv.Itoa(versionOf(r)+versions))
	setHeader(r, "ce_time", at.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.000000Z"))
	setHeader(r, "ce_actor", "000000000000000000000000")
	for _, id := range []string{"ce_id", "ce_commandid", "ce_requestid"} {
		setHeader(r, id, "forged-"+strconv.Itoa(versionOf(r)))
	}
	var value map[string]any
	require.NoError(s.t, json.Unmarshal(r.Value, &value))
	delete(value, "decided_on")
	var err error
	r.Value, err = json.Marshal(value)
	require.NoError(s.t, err)
	return r
}

// addedInVain are attacks that add what does not count.
func addedInVain() []attack {
	return []attack{
		{name: "a genuine record is copied into another partition", by: brokers, shows: "invalid records in dashboards, skipped: 1.", never: "Findings:", do: func(s *scene) {
			r := s.last()
			r.Partition = (eventlog.PartitionOf(r.Key, chaosPartitions["dashboards"]) + 1) % chaosPartitions["dashboards"]
			s.add(r)
		}},
		{name: "a genuine record is repeated, with repeated trace headers", by: brokers, shows: ", 2 lost races", never: "INSERTED", do: func(s *scene) {
			r, plain := s.last(), s.last()
			r.Partition = eventlog.PartitionOf(r.Key, chaosPartitions["dashboards"])
			plain.Partition = r.Partition
			for range 2 {
				r.Headers = append(r.Headers, kgo.RecordHeader{Key: "ce_traceparent", Value: []byte("x")}, kgo.RecordHeader{Key: "traceparent"})
			}
			s.add(r, plain)
		}},
		{name: "headers of a genuine record are repeated", by: brokers, shows: clean, never: "INSERTED", do: func(s *scene) {
			r := s.last()
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: "ce_actor", Value: []byte(header(r, "ce_actor"))})
			s.add(r)
		}},
		{name: "an old record that counted is replayed", by: brokers, shows: ", 3 lost races", never: "REORDERED", do: func(s *scene) {
			client := s.bare()
			list, i := s.read(client, kadm.NewClient(client)).find(s, 200)
			s.add(copyOf(list[i]))
		}},
	}
}

// addedAndCounted are attacks whose traces stay.
func addedAndCounted() []attack {
	return []attack{
		{name: "a record dated now is added", by: producer, shows: clean, never: "Findings:", do: func(s *scene) {
			r := s.next(1, time.Now())
			s.add(r)
			s.service.await(patience, "the forgery to count", func() bool {
				return s.service.column("select version::text from dashboard_heads where parent_account = '" + s.agency + "'")[0] == header(r, "ce_chainversion")
			})
		}},
		{name: "the tables are edited, and an honest change takes it over", by: databases, shows: "DECIDED ON OTHER TABLES", never: clean, code: finding, do: func(s *scene) {
			sub := s.info.IDs.SubAccounts[0]
			conn := s.connect(s.service.info.DatabaseURL)
			result, err := conn.Exec(s.t.Context(), "update lb_dashboards_g1.dashboard_preferences set users = users || $1::text where parent_account = $2 and sub_account_id = $3",
				s.info.IDs.Users[0].ID, s.agency, sub)
			require.NoError(s.t, err)
			require.Positive(s.t, result.RowsAffected())
			s.service.update(sub, map[string]any{"scopes": []string{"posts"}})
			s.service.update(sub, map[string]any{"scopes": []string{"posts", "analytics"}})
		}},
		{name: "a gap locks an agency out", by: producer, shows: "REMOVED agency ", never: clean, code: finding, do: func(s *scene) {
			r := s.next(2, time.Now())
			setHeader(r, "ce_chainprev", hex.EncodeToString(make([]byte, 32)))
			s.add(r)
		}},
	}
}
