package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

const (
	proofAgencies    = 240
	proofRecords     = 300_000 // of all agencies
	proofCheckpoints = 10
	replayedRecords  = 100_000 // of one partition
)

// signing makes checkpoints with a key of its own.
type signing struct {
	*proof.Signer

	known note.Verifiers
}

// signing makes a signer of a log.
func (b *bench) signing(source proof.Source, appends func(context.Context, domain.Draft) error, now func() time.Time) (s signing, err error) {
	private, public, err := proof.GenerateKey()
	if err != nil {
		return s, err
	}
	key, _, err := proof.ParseKey(private)
	if err != nil {
		return s, err
	}
	if s.known, err = proof.ParseVerifiers(public); err != nil {
		return s, err
	}
	b.n++
	s.Signer = proof.NewSigner(proof.SignerConfig{
		Source: source, Append: appends, Key: key, Verifiers: s.known, Now: now, Logger: slog.New(slog.DiscardHandler),
	})
	return s, nil
}

// verify verifies a log of so many records, all of them under a checkpoint.
func (s signing) verify(ctx context.Context, source proof.Source, records int64) error {
	report, err := proof.Verify(ctx, proof.VerifyConfig{Source: source, Verifiers: s.known})
	if err != nil {
		return err
	}
	if !report.OK() || report.Effective != records || report.Covered != records {
		return fmt.Errorf("the log does not verify: %d of %d records are covered, %v", report.Covered, records, report.Findings)
	}
	return nil
}

// verifying measures verification of a whole log (chains, trees, checkpoints) next to kgo consuming the same records.
func (b *bench) verifying(ctx context.Context, print func(result) error) error {
	log, _, stop, err := b.eventLog(ctx)
	if err != nil {
		return err
	}
	defer stop()                                    //nolint:errcheck // a temporary broker
	clock := time.Now().UTC().Truncate(time.Second) // the records' own time; opening the log appends a record of now
	signer, err := b.signing(log, log.Append, func() time.Time { return clock })
	if err != nil {
		return err
	}
	chains := newChains(proofAgencies, clock)
	for range proofCheckpoints {
		if err := chains.append(ctx, log, proofRecords/proofCheckpoints); err != nil {
			return err
		}
		clock = chains.list[0].head.Time.Add(time.Second)
		if _, _, err := signer.Sign(ctx); err != nil {
			return err
		}
	}
	var verified, consumed []float64
	for range b.rounds {
		began := time.Now()
		if err := signer.verify(ctx, log, proofRecords); err != nil {
			return err
		}
		verified = append(verified, proofRecords/time.Since(began).Seconds())
		rate, err := consume(ctx, b.brokers, proofRecords)
		if err != nil {
			return err
		}
		consumed = append(consumed, rate)
	}
	return print(against("verify_records_vs_raw_consume", "records/s", median(verified), median(consumed)))
}

// replaying measures the replay of an agency out of those that share its partition, next to kgo consuming the partition.
func (b *bench) replaying(ctx context.Context, print func(result) error) error {
	for _, agencies := range []int{1, 100} {
		if err := b.replay(ctx, agencies, print); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) replay(ctx context.Context, agencies int, print func(result) error) error {
	log, topics, stop, err := b.eventLog(ctx)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	partitions := app.PartitionsOf(topics, domain.TopicDashboards)
	chains := newChains(agencies*int(partitions)*2, time.Now().UTC().Truncate(time.Second))
	chains.list = slices.DeleteFunc(chains.list, func(c *chain) bool {
		return eventlog.PartitionOf([]byte(c.key), partitions) != 0
	})[:agencies]
	if err := chains.append(ctx, log, replayedRecords); err != nil {
		return err
	}
	var replayed, consumed []float64
	for range b.rounds {
		began := time.Now()
		done, err := proof.Replay(ctx, log, proof.ReplayConfig{
			Parent: chains.list[0].key, Yield: func(proof.Change) error { return nil },
		})
		if err != nil {
			return err
		}
		if done.Version != chains.list[0].head.Version || done.Broken != "" {
			return fmt.Errorf("replayed up to version %d: %s", done.Version, done.Broken)
		}
		replayed = append(replayed, replayedRecords/time.Since(began).Seconds())
		rate, err := consume(ctx, b.brokers, replayedRecords)
		if err != nil {
			return err
		}
		consumed = append(consumed, rate)
	}
	name := fmt.Sprintf("replay_1_agency_of_%d_vs_raw_consume", agencies)
	return print(against(name, "records/s", median(replayed), median(consumed)))
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
