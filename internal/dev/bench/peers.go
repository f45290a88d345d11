package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// peers measures other libraries, which have a module of their own, with the readings of [bench.live]: on
// one partition as there, and, for a rebuild and new readings, on as many as in [bench.rebuilds].
func (b *bench) peers(ctx context.Context, print func(result) error) error {
	if err := b.runPeers(ctx, 1, print); err != nil {
		return err
	}
	return b.runPeers(ctx, manyPartitions, print, "-rebuild")
}

func (b *bench) runPeers(ctx context.Context, partitions int32, print func(result) error, flags ...string) error {
	log, topics, stop, err := b.eventLog(ctx)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // a temporary broker
	var readings bytes.Buffer
	encoder := json.NewEncoder(&readings)
	for _, events := range readingsOn(partitions, topics, liveEvents) {
		if err := appendAs(ctx, log, events); err != nil {
			return fmt.Errorf("fill the log: %w", err)
		}
		for _, event := range events {
			if read, is := event.Data.(domain.PostRead); is {
				if err := encoder.Encode(read); err != nil {
					return fmt.Errorf("encode reading: %w", err)
				}
			}
		}
	}
	url, err := b.emptyDatabase(ctx)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", append([]string{
		"run", "-C", "internal/dev/bench/peers", ".",
		"-brokers", strings.Join(b.brokers, ","), "-topic", domain.TopicMetrics, "-database", url,
	}, flags...)...)
	command.Stdin = &readings
	return results(command, print)
}
