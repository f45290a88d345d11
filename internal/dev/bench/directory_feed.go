package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

const (
	fedEntities = 50_000
	fedAtOnce   = 10_000 // lines of a request
)

// directoryFeed measures entities that a main application tells, from the text of a request to the acknowledged lines: read, checked,
// compared with the tables, appended with fsync. Beside it stand the same records from a bare client.
func (b *bench) directoryFeed(ctx context.Context, print func(result) error) error {
	now := time.Now().UTC().Truncate(time.Second)
	var lines []string
	var drafts []domain.Draft
	for n := range fedEntities {
		user := domain.DirectoryUser{
			ID: fmt.Sprintf("%024x", 0xe0000+n), AccountID: putsAccount(n%100, 0), Name: fmt.Sprint("Person ", n), Email: fmt.Sprintf("p%d@example.com", n),
			Phone: "+1 202-555-0100", Company: "Corner Bakery", Active: true, CreatedAt: now, UpdatedAt: now,
		}
		data, err := json.Marshal(user)
		if err != nil {
			return fmt.Errorf("make a line: %w", err)
		}
		lines = append(lines, fmt.Sprintf(`{"type":"directory.user.v1","updated_at":%q,"data":%s}`, now.Format(time.RFC3339), data))
		drafts = append(drafts, commands.EntityDraft(user, now))
	}
	var bodies [][]byte
	for chunk := range slices.Chunk(lines, fedAtOnce) {
		var body bytes.Buffer
		for _, line := range chunk {
			body.WriteString(line + "\n")
		}
		bodies = append(bodies, body.Bytes())
	}
	var ours, bare []float64
	for range b.rounds {
		log, _, stop, err := b.eventLog(ctx, metricsPartitions)
		if err != nil {
			return err
		}
		rate, err := b.feedAll(ctx, log, bodies)
		if err != nil {
			return err
		}
		ours = append(ours, rate)
		if rate, err = bareProduce(ctx, b.brokers, log.Codec(), drafts); err != nil {
			return err
		}
		bare = append(bare, rate)
		if err := stop(); err != nil {
			return err
		}
	}
	return print(against("directory_feed", "entities/s", median(ours), median(bare)))
}

// feedAll sends one request after the other, as a main application does.
func (b *bench) feedAll(ctx context.Context, log commands.FeedLog, bodies [][]byte) (float64, error) {
	pool, err := b.database(ctx, 4)
	if err != nil {
		return 0, err
	}
	defer pool.Close()
	registry := domain.NewRegistry()
	feed := commands.FeedDirectory{
		Log: log, Told: readmodels.ToldEntities{Pool: pool, Registry: registry}, Registry: registry, Now: time.Now,
		Erasures: func() (domain.Erasures, error) { return domain.Erasures{}, nil },
	}
	began := time.Now()
	for _, body := range bodies {
		fed, err := feed.Feed(ctx, commands.Caller{UserID: "bench", Role: "main_app", RequestID: "bench"}, bytes.Split(body, []byte("\n")), false)
		if err != nil {
			return 0, err
		}
		if fed.Taken != fedAtOnce {
			return 0, fmt.Errorf("%d of %d lines were taken", fed.Taken, fedAtOnce)
		}
	}
	return fedEntities / time.Since(began).Seconds(), nil
}
