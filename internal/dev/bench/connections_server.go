package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

const settleFor = 3 * time.Second // for the memory to come to rest

// openListening starts a broker and a database of its own, fills the directory, and runs the program
// as a process on them.
func (b *bench) openListening(ctx context.Context) (_ *listening, err error) {
	log, brokers, stopLog, err := b.dashboardsLog(ctx)
	if err != nil {
		return nil, err
	}
	w := &listening{log: log, chains: newChains(listenAgencies + 1), heard: newHeard()}
	var started *serveProcess
	w.stop = func() {
		if started != nil {
			started.stop()
		}
		stopLog() //nolint:errcheck // a temporary broker
	}
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	w.cause = func(ctx context.Context, _ int, draft domain.Draft) error { return w.log.Append(ctx, draft) }
	pool, err := b.database(ctx, 1)
	if err != nil {
		return nil, err
	}
	databaseURL := pool.Config().ConnString()
	pool.Close()
	if err := w.fill(ctx); err != nil {
		return nil, err
	}
	if started, err = b.startServe(ctx, brokers, databaseURL, "error", os.Stderr); err != nil {
		return nil, err
	}
	w.server = started
	return w, started.ready(ctx)
}

// fill writes the accounts to the directory, the first record of each agency to its stream, and what
// the stuck listeners are owed.
func (w *listening) fill(ctx context.Context) error {
	var drafts []domain.Draft
	for i, c := range w.chains.list {
		entities := []domain.DirectoryEntity{
			domain.DirectoryAccount{ID: c.key, RowID: int64(2*i + 1), Name: "Agency", Active: true},
			domain.DirectoryAccount{ID: listenAccount(i), RowID: int64(2*i + 2), ParentAccount: c.key, Name: "Client", Active: true},
		}
		for n := range listenGroups * listenGroupSize {
			entities = append(entities, domain.DirectoryUser{ID: listenUser(i, n), AccountID: listenAccount(i), Name: "User", Active: true})
		}
		for _, entity := range entities {
			drafts = append(drafts, commands.EntityDraft(entity, firstReading))
		}
		if i == stuckAgency {
			continue
		}
		draft, err := c.change(w.log, firstReading, []string{listenAccount(i)}, listenGroup(i, 0), nil)
		if err != nil {
			return err
		}
		drafts = append(drafts, draft)
	}
	if err := w.log.AppendBulk(ctx, drafts); err != nil {
		return fmt.Errorf("fill the log: %w", err)
	}
	return w.fillStuck(ctx)
}

// memory is what a process holds, in bytes: all that is resident (heap with the garbage in it, stacks,
// runtime), of that the live heap after the last collection and the stacks; and what the kernel holds for
// all TCP sockets of the machine, so for both ends.
type memory struct{ resident, heap, stacks, sockets float64 }

func (p *serveProcess) memory(ctx context.Context) (m memory, err error) {
	time.Sleep(settleFor)
	process, err := memoryOf(p.command.Process.Pid)
	if err != nil {
		return m, err
	}
	m.resident = process.resident
	if m.sockets, err = socketMemory(); err != nil {
		return m, err
	}
	raw, err := p.get(ctx, "/metrics")
	if err != nil {
		return m, err
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "go_memstats_heap_alloc_bytes":
			m.heap, err = strconv.ParseFloat(value, 64)
		case "go_memstats_stack_inuse_bytes":
			m.stacks, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return m, fmt.Errorf("read metrics: %w", err)
		}
	}
	return m, nil
}

func socketMemory() (float64, error) {
	raw, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return 0, fmt.Errorf("read memory of sockets: %w", err)
	}
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); fields[0] == "TCP:" {
			pages, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			return pages * float64(os.Getpagesize()), err
		}
	}
	return 0, errors.New("the kernel does not say what sockets hold")
}
