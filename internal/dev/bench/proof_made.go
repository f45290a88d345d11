package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// madeLog is a log whose records are made while they are read, the same ones each time: a [proof.Source] as long as one likes. Its
// agencies take turns in their partitions. Only `operations` is kept.
type madeLog struct {
	eventlog.Codec

	agencies   []string
	parts      [][]string // agencies by partition
	rounds     int64      // changes of each agency
	operations []eventlog.Record
}

const (
	madePartitions = 12
	madeAgencies   = 2400
	madeAccount    = "c10000000000000000000001"
	madeRun        = 512 // records
)

func newMadeLog(records int) (*madeLog, error) {
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return nil, fmt.Errorf("read topic definitions: %w", err)
	}
	l := &madeLog{
		Codec: eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/bench"),
		parts: make([][]string, madePartitions), rounds: max(1, int64(records/madeAgencies)),
	}
	for i := range madeAgencies {
		key := agencyID(i)
		at := eventlog.PartitionOf([]byte(key), madePartitions)
		l.agencies, l.parts[at] = append(l.agencies, key), append(l.parts[at], key)
	}
	return l, nil
}

func (l *madeLog) records() int64 { return l.rounds * madeAgencies }

// ends is when the last record was decided.
func (l *madeLog) ends() time.Time { return madeAt(l.rounds) }

// madeAt is the time of a version, of any agency.
func madeAt(version int64) time.Time { return firstReading.Add(time.Duration(version) * time.Second) }

// Append keeps a record of `operations`.
func (l *madeLog) Append(_ context.Context, d domain.Draft) error {
	r, err := l.Encode(d)
	if err == nil {
		r.Offset = int64(len(l.operations))
		l.operations = append(l.operations, r)
	}
	return err
}

// Ranges implements [proof.Source].
func (l *madeLog) Ranges(_ context.Context, topic string) ([]eventlog.PartitionRange, eventlog.TopicID, error) {
	if topic == domain.TopicOperations {
		return []eventlog.PartitionRange{{End: int64(len(l.operations))}}, eventlog.TopicID{1}, nil
	}
	ranges := make([]eventlog.PartitionRange, madePartitions)
	for i := range ranges {
		ranges[i] = eventlog.PartitionRange{Partition: int32(i), End: int64(len(l.parts[i])) * l.rounds}
	}
	return ranges, eventlog.TopicID{2}, nil
}

// Scan implements [proof.Source]: of `dashboards` from the beginning to the end, or from there on nothing.
func (l *madeLog) Scan(ctx context.Context, cfg eventlog.ScanConfig) error {
	if cfg.Topic == domain.TopicOperations {
		if from := cfg.From[0]; from < int64(len(l.operations)) {
			return cfg.Handle(ctx, eventlog.Run{Records: slices.Clone(l.operations[from:])})
		}
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4) // as a scan of a broker
	for i, keys := range l.parts {
		if cfg.From[int32(i)] == 0 {
			group.Go(func() error { return l.make(ctx, int32(i), keys, cfg) })
		}
	}
	return group.Wait()
}

// make hands on the records of one partition, or those of one key of it.
func (l *madeLog) make(ctx context.Context, partition int32, keys []string, cfg eventlog.ScanConfig) error {
	streams := make([]madeStream, len(keys))
	run := eventlog.Run{Partition: partition}
	for version := int64(1); version <= l.rounds; version++ {
		for i, key := range keys {
			if cfg.Key != "" && cfg.Key != key {
				continue
			}
			r := streams[i].next(key, version)
			r.Partition, r.Offset = partition, (version-1)*int64(len(keys))+int64(i)
			run.Records, run.Next = append(run.Records, r), r.Offset+1
			if len(run.Records) < madeRun {
				continue
			}
			if err := cfg.Handle(ctx, run); err != nil {
				return err
			}
			run.Records = make([]eventlog.Record, 0, madeRun)
		}
	}
	if len(run.Records) == 0 {
		return ctx.Err()
	}
	return cfg.Handle(ctx, run)
}

// madeStream is one agency's.
type madeStream struct {
	head  [32]byte
	board domain.Dashboard // its only one
}

// next makes the next change: another user, decided on the dashboard before it. It has the headers that a change must have.
func (s *madeStream) next(key string, version int64) eventlog.Record {
	user, kind := fmt.Sprintf("d2%022x", version), domain.DashboardUsersChanged{}.EventType()
	var decided string
	if version == 1 {
		s.head = eventlog.Genesis(domain.TopicDashboards, key)
		id := domain.NewDashboardID(key, madeAccount)
		s.board = domain.Dashboard{
			DocumentID: id, SubAccountID: madeAccount, ParentAccount: key, SubAccountIDs: []string{madeAccount}, MainPOC: []string{},
			Scopes: []string{"posts"}, AllowClientDashboard: true, CreatedAt: madeAt(1),
		}
		kind, decided = domain.DashboardOpened{}.EventType(), `"created":{"`+madeAccount+`":"`+id+`"}`
	} else {
		decided = `"decided_on":{"` + madeAccount + `":"` + s.board.Digest() + `"}`
	}
	s.board.Users, s.board.Version, s.board.UpdatedAt = []string{user}, version, madeAt(version)
	number := strconv.FormatInt(version, 10)
	r := eventlog.Record{
		Topic: domain.TopicDashboards, Key: []byte(key),
		Value: []byte(`{"primary":"` + madeAccount + `","linked":["` + madeAccount + `"],"users":["` + user +
			`"],"allow_client_dashboard":true,"scopes":["posts"],"main_poc":{"` + madeAccount + `":[]},` + decided + `}`),
	}
	for _, h := range [][2]string{
		{"ce_chainprev", hex.EncodeToString(s.head[:])},
		{"ce_chainversion", number},
		{"ce_id", key + "." + number},
		{"ce_source", "/ledgerboard/bench"},
		{"ce_specversion", "1.0"},
		{"ce_time", madeAt(version).Format("2006-01-02T15:04:05.000000Z")},
		{"ce_type", kind},
		{"content-type", "application/json"},
	} {
		r.Headers = append(r.Headers, eventlog.Header{Key: h[0], Value: []byte(h[1])})
	}
	s.head = eventlog.RecordHash(s.head, r)
	return r
}
