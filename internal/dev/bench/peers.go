package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

// peers measures other libraries, which have a module of their own, with the readings of [live]: on
// one partition as there, and, for a rebuild and new readings, on as many as in [rebuild].
func peers(b *bench) {
	runPeers(b, 1)
	runPeers(b, manyPartitions, "-rebuild")
}

func runPeers(b *bench, partitions int32, flags ...string) {
	log := b.ledger()
	defer log.stop()
	var readings bytes.Buffer
	encoder := json.NewEncoder(&readings)
	for _, events := range log.fill(b, partitions, liveEvents) {
		for _, event := range events {
			if read, is := event.Data.(domain.PostRead); is {
				require.NoError(b, encoder.Encode(read))
			}
		}
	}
	command := exec.CommandContext(b.ctx, "go", append([]string{
		"run", "-C", "internal/dev/bench/peers", ".",
		"-brokers", strings.Join(log.brokers, ","), "-topic", domain.TopicMetrics, "-database", b.emptyDatabase(),
	}, flags...)...)
	command.Stdin = &readings
	b.printResultsOf(command)
}
