package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/migrations"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// childProcess names the environment variable that makes this program a child of a measurement: what [runChild] does.
const childProcess = "LEDGERBOARD_BENCH_CHILD"

func childCommand(ctx context.Context, does string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	command := exec.CommandContext(ctx, program)
	command.Env = append(os.Environ(), childProcess+"="+does)
	return command, nil
}

func runChild(ctx context.Context, does string) error {
	if does == serveBare {
		return serveBareListeners(os.Getenv(serverAddr), os.Getenv(serverAdminAddr))
	}
	return runBuild(ctx, does)
}

// buildMemory measures the peak memory, and the processor time, of a process that only builds post insights, and of one
// that only checks them. Each of two partitions has half of the readings: more than the projection sorts in memory.
func (b *bench) buildMemory(scale float64) func(context.Context, func(result) error) error {
	return func(ctx context.Context, print func(result) error) error {
		log, topics, stop, err := b.eventLog(ctx)
		if err != nil {
			return err
		}
		defer stop() //nolint:errcheck // a temporary broker
		readings := int(rebuildPosts * scale)
		for _, events := range readingsOn(2, topics, readings) {
			if err := appendAs(ctx, log, events); err != nil {
				return fmt.Errorf("fill the log: %w", err)
			}
		}
		url, err := b.emptyDatabase(ctx)
		if err == nil {
			err = migrations.Up(ctx, url)
		}
		if err != nil {
			return err
		}
		for _, does := range []string{"build", "check"} {
			command, err := childCommand(ctx, fmt.Sprintf("%s %d %s %s", does, readings, strings.Join(b.brokers, ","), url))
			if err != nil {
				return err
			}
			if err := results(command, print); err != nil {
				return err
			}
		}
		return nil
	}
}

// runBuild builds or checks tables, as args say, and prints what that took.
func runBuild(ctx context.Context, args string) error {
	var does, brokers, url string
	var readings float64
	if _, err := fmt.Sscan(args, &does, &readings, &brokers, &url); err != nil {
		return fmt.Errorf("parse %s: %w", childProcess, err)
	}
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return fmt.Errorf("read topic definitions: %w", err)
	}
	topics = eventlog.OnOneBroker(topics, map[string]string{"min.insync.replicas": "1"})
	b := &bench{logger: errorLogger()}
	log, err := eventlog.Open(ctx, eventlog.Config{
		Brokers: strings.Split(brokers, ","), Logger: b.logger, Topics: topics, Registry: domain.NewRegistry(),
	})
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // nothing was appended
	r := &rebuilding{log: log}
	if r.pool, err = pg.Open(ctx, pg.Config{
		URL: url, SearchPath: []string{migrations.Engine, migrations.Views}, Name: "bench", AsyncCommit: true, MaxConns: 24,
	}); err != nil {
		return err
	}
	defer r.pool.Close()
	if r.engine, err = b.engine(projectors.PostInsights, log, topics, r.pool, nil); err != nil {
		return err
	}
	if does == "build" {
		err = r.build(ctx)
	} else {
		err = r.check(ctx)
	}
	if err != nil {
		return err
	}
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	print := (&table{}).add(os.Stdout)
	return errors.Join(
		print(result{Name: does + "_memory_peak", Value: round(peak), Unit: "MB"}),
		print(result{Name: does + "_memory_cpu", Value: round(processorTime().Seconds() * 1e6 / readings), Unit: "µs/event"}),
	)
}

// build builds the first generation.
func (r *rebuilding) build(ctx context.Context) error {
	asked, err := r.request(ctx)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.engine.Run(running) }()
	_, err = r.await(ctx, asked)
	stop()
	return errors.Join(err, <-ended)
}

func (r *rebuilding) check(ctx context.Context) error {
	report, err := r.engine.CheckTables(ctx)
	if err == nil && !report.Equal {
		err = errors.New("tables and log differ")
	}
	return err
}

// peakMemory returns the largest resident set of this process in MB.
func peakMemory() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read peak memory, which only Linux has there: %w", err)
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes float64
	if _, err := fmt.Sscan(peak, &kilobytes); err != nil {
		return 0, fmt.Errorf("parse peak memory: %w", err)
	}
	return kilobytes * 1024 / 1e6, nil
}

// processorTime returns that of this process so far.
func processorTime() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // fails only for other processes
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
