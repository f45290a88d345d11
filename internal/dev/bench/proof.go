package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

const (
	proofAgencies    = 240
	proofRecords     = 300_000 // of all agencies
	proofCheckpoints = 10
	replayRecords    = 100_000 // of one agency
)

// verifying measures verification of a whole log (chains, trees, checkpoints), beside kgo consuming the same
// records and looking at nothing.
func (b *bench) verifying(ctx context.Context, print func(result) error) error {
	log, brokers, stop, err := b.dashboardsLog(ctx)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	private, public, err := proof.GenerateKey()
	if err != nil {
		return err
	}
	key, _, err := proof.ParseKey(private)
	if err != nil {
		return err
	}
	known, err := proof.ParseVerifiers(public)
	if err != nil {
		return err
	}
	file := proof.File{Path: filepath.Join(b.dir, "checkpoints.txt")}
	clock := time.Now().UTC().Truncate(time.Second) // the records' own time; opening the log appends a record of now
	signer := proof.NewSigner(proof.SignerConfig{
		Source: log, Append: log.Append, File: file, Key: key, Known: known, Now: func() time.Time { return clock }, Logger: slog.New(slog.DiscardHandler),
	})
	chains := newChains(proofAgencies)
	for _, c := range chains.list {
		c.began = clock
	}
	for range proofCheckpoints {
		if err := chains.append(ctx, log, proofRecords/proofCheckpoints); err != nil {
			return err
		}
		clock = chains.list[0].head.Time.Add(time.Second)
		if _, _, err := signer.Sign(ctx); err != nil {
			return err
		}
	}
	var ours, raw []float64
	for range b.rounds {
		began := time.Now()
		report, err := proof.Verify(ctx, proof.VerifyConfig{Source: log, Known: known, File: &file})
		if err != nil {
			return err
		}
		if !report.OK() || report.Effective != proofRecords || report.Covered != proofRecords || report.Decisions != proofRecords {
			return fmt.Errorf("the log does not verify: %v", report.Findings)
		}
		ours = append(ours, proofRecords/time.Since(began).Seconds())
		rate, err := consume(ctx, brokers, proofRecords)
		if err != nil {
			return err
		}
		raw = append(raw, rate)
	}
	return print(against("verify_records_vs_raw_consume", "records/s", median(ours), median(raw)))
}

// replaying measures replay of one agency, its changes and its hashes alone, beside the same consumer.
func (b *bench) replaying(ctx context.Context, print func(result) error) error {
	log, brokers, stop, err := b.dashboardsLog(ctx)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	chains := newChains(1)
	if err := chains.append(ctx, log, replayRecords); err != nil {
		return err
	}
	var changes, hashes, raw []float64
	for range b.rounds {
		rate, err := replay(ctx, log, chains.list[0].key, func(cfg *proof.ReplayConfig, seen *int) {
			cfg.Yield = func(proof.Change) error { *seen++; return nil }
		})
		if err != nil {
			return err
		}
		changes = append(changes, rate)
		rate, err = replay(ctx, log, chains.list[0].key, func(cfg *proof.ReplayConfig, seen *int) {
			cfg.Head = func(domain.StreamHead) error { *seen++; return nil }
		})
		if err != nil {
			return err
		}
		hashes = append(hashes, rate)
		if rate, err = consume(ctx, brokers, replayRecords); err != nil {
			return err
		}
		raw = append(raw, rate)
	}
	if err := print(against("replay_records_vs_raw_consume", "records/s", median(changes), median(raw))); err != nil {
		return err
	}
	return print(against("replay_hashes_vs_raw_consume", "records/s", median(hashes), median(raw)))
}

// replay replays an agency once and returns records a second; ask sets what is asked for, counted in seen.
func replay(ctx context.Context, log *eventlog.Log, parent string, ask func(cfg *proof.ReplayConfig, seen *int)) (float64, error) {
	cfg, seen := proof.ReplayConfig{Parent: parent}, 0
	ask(&cfg, &seen)
	began := time.Now()
	done, err := proof.Replay(ctx, log, cfg)
	if err != nil {
		return 0, err
	}
	if done.Version != replayRecords || seen < replayRecords {
		return 0, fmt.Errorf("replay ended at version %d: %s", done.Version, done.Broken)
	}
	return replayRecords / time.Since(began).Seconds(), nil
}

// dashboardsLog is a log with its brokers' addresses.
func (b *bench) dashboardsLog(ctx context.Context) (*eventlog.Log, []string, func() error, error) {
	b.n++
	broker, err := embedded.StartBroker(ctx, embedded.BrokerConfig{DataDir: fmt.Sprintf("%s/broker-%d", b.dir, b.n), Logger: b.logger})
	if err != nil {
		return nil, nil, nil, err
	}
	topics, err := embeddedTopics(broker)
	if err != nil {
		return nil, nil, nil, errors.Join(err, broker.Close())
	}
	log, err := eventlog.Open(ctx, eventlog.Config{
		Brokers: broker.Addrs(), Logger: b.logger, Topics: topics, Registry: domain.NewRegistry(), TagKey: tags.Key(),
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, broker.Close())
	}
	return log, broker.Addrs(), func() error { return errors.Join(log.Close(), broker.Close()) }, nil
}

// consume reads so many records of `dashboards` with a plain client.
func consume(ctx context.Context, brokers []string, n int) (float64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(domain.TopicDashboards),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return 0, fmt.Errorf("make consumer: %w", err)
	}
	defer client.Close()
	began := time.Now()
	for read := 0; read < n; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, fmt.Errorf("consume: %w", err)
		}
		read += fetches.NumRecords()
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
