package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/quota"
	"github.com/ledgerboard/ledgerboard/internal/scheduler"
	"github.com/ledgerboard/ledgerboard/internal/simulator"
	"github.com/ledgerboard/ledgerboard/internal/soak"
	"github.com/ledgerboard/ledgerboard/projections"
)

// What is ingested: accounts of all platforms, each due in every slot.
const (
	ingestAccounts = 16_000
	ingestSlot     = 4 * time.Second
	ingestFor      = 30 * time.Second
	ingestWarmUp   = 3 * time.Minute // at most; until every account was read once, its demographics too
	ingestLatency  = 200 * time.Millisecond
	// ingestBar is what a machine of two cores must reach, in readings a second.
	ingestBar = 3000
)

// ingest measures account readings from the platforms' HTTP answers to the acknowledged log, with River
// planning and giving out the work, and a platform that takes 200 ms for each answer. The limit is what
// the same two ends allow with nothing between them: the same calls made by as many callers, their bodies
// thrown away.
func (b *bench) ingest(ctx context.Context, print func(result) error) error {
	platform := &canned{latency: ingestLatency}
	stack, world, err := b.ingestion(ctx, ingestAccounts, platform, projections.Directory{}, projections.Operations{})
	if err != nil {
		return err
	}
	defer stack.Close() //nolint:errcheck // temporary parts
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- stack.Run(running) }()
	if err := awaitFirstRound(ctx, stack); err != nil {
		stop()
		return errors.Join(err, <-ended)
	}
	profile := filepath.Join(b.dir, "ingest.pprof")
	measured, err := b.measureIngest(ctx, stack, platform, profile)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	limit, err := platform.bare(ctx, world)
	if err != nil {
		return err
	}
	callsEach := float64(measured.calls) / float64(measured.readings)
	seconds := measured.took.Seconds()
	if err := print(against("ingest_readings_200ms", "readings/s", float64(measured.readings)/seconds, limit/callsEach)); err != nil {
		return err
	}
	// The share of the processor that the fetchers had: others may be using this machine.
	cores := measured.cpu.Seconds() / seconds
	ours := measured.cpu.Seconds() * (1 - shareOf(ctx, profile, `net/http\.\(\*conn\)\.serve|kfake`))
	if err := print(against("ingest_readings_per_two_core_seconds", "readings/2 core-s", 2*float64(measured.readings)/ours, ingestBar)); err != nil {
		return err
	}
	for _, share := range []struct{ name, frames string }{
		{"ingest_cpu_share_of_decoding", `encoding/json\.Unmarshal`},
		{"ingest_cpu_share_of_river", `riverqueue`},
	} {
		if err := print(result{Name: share.name, Value: round(shareOf(ctx, profile, share.frames)), Unit: "of CPU"}); err != nil {
			return err
		}
	}
	return print(result{Name: "ingest_cores_used", Value: round(cores), Unit: "cores"})
}

// awaitFirstRound waits until every account was read once.
func awaitFirstRound(ctx context.Context, stack *soak.Stack) error {
	for began := time.Now(); time.Since(began) < ingestWarmUp; sleep(ctx, ingestSlot/4) {
		var unread int
		row := stack.Pool.QueryRow(ctx, `select $1 - count(*) from kept.fetch_state where served_slot is not null`, ingestAccounts)
		if err := row.Scan(&unread); err != nil {
			return fmt.Errorf("look at the first round: %w", err)
		}
		if unread == 0 {
			return nil
		}
	}
	return errors.New("the first round does not end")
}

// ingestion puts the fetchers together over n accounts; projectors, if given, are all that folds.
func (b *bench) ingestion(ctx context.Context, n int, platform *canned, projectors ...projections.Projector) (*soak.Stack, *soak.World, error) {
	pool, err := b.database(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	databaseURL := pool.Config().ConnString()
	pool.Close()
	world := soak.NewWorld(n)
	clock := soak.NewClock(time.Now(), 1)
	sim := simulator.New(simulator.Config{Seed: 7, MetaPerDay: -1, LinkedInPerDay: -1, TikTokPerMinute: -1})
	world.Register(sim, func(soak.Account, *simulator.Account) {})
	platform.next = sim
	every, err := scheduler.Every(ingestSlot)
	if err != nil {
		return nil, nil, err
	}
	b.n++
	stack, err := soak.Open(ctx, soak.Config{
		Dir: filepath.Join(b.dir, fmt.Sprintf("ingest-%d", b.n)), DatabaseURL: databaseURL, Clock: clock, Sim: sim, World: world, Logger: b.logger,
		Wrap:   func(http.Handler) http.Handler { return platform },
		Quotas: []quota.Limit{}, Workers: 8,
		Collect: commands.CollectConfig{
			GrowthWindow: time.Hour, Backfill: -1, Parallel: commands.MaxShard, DemographicsEvery: 1000 * time.Hour,
		},
		Every:      map[scheduler.Kind]scheduler.Schedule{scheduler.AccountInsights: every},
		Projectors: projectors,
	})
	if err != nil {
		return nil, nil, err
	}
	err = world.StoreTokens(ctx, sim, stack.Secrets, clock.Now(), func(soak.Account) commands.StoredTokens { return commands.StoredTokens{} })
	return stack, world, err
}

// ingested is what happened in a time.
type ingested struct {
	readings, calls int64
	took, cpu       time.Duration
}

func (b *bench) measureIngest(ctx context.Context, stack *soak.Stack, platform *canned, profile string) (ingested, error) {
	file, err := os.Create(profile)
	if err != nil {
		return ingested{}, fmt.Errorf("create profile: %w", err)
	}
	defer file.Close()
	before, err := logged(ctx, stack)
	if err != nil {
		return ingested{}, err
	}
	calls, cpu, began := platform.calls.Load(), processTime(), time.Now()
	if err := pprof.StartCPUProfile(file); err != nil {
		return ingested{}, fmt.Errorf("profile: %w", err)
	}
	sleep(ctx, ingestFor)
	pprof.StopCPUProfile()
	after, err := logged(ctx, stack)
	return ingested{after - before, platform.calls.Load() - calls, time.Since(began), processTime() - cpu}, err
}

// logged is the number of records on `metrics`.
func logged(ctx context.Context, stack *soak.Stack) (n int64, err error) {
	ranges, _, err := stack.Log.Ranges(ctx, domain.TopicMetrics)
	for _, r := range ranges {
		n += r.End
	}
	return n, err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// processTime is the processor time that this process has used.
func processTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var accounting = regexp.MustCompile(`nodes accounting for [^,]+, ([0-9.]+)%`)

// shareOf is the part of a profile's samples that pass through functions of that name.
func shareOf(ctx context.Context, profile, frames string) float64 {
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodefraction=0", "-nodecount=100000", "-focus="+frames, profile).Output()
	found := accounting.FindSubmatch(out)
	if err != nil || found == nil {
		return 0
	}
	percent, _ := strconv.ParseFloat(string(found[1]), 64)
	return percent / 100
}

// canned is a platform that answers each request as the simulator once did, after its latency: what it
// costs itself is as little as can be.
type canned struct {
	next    http.Handler
	latency time.Duration
	calls   atomic.Int64
	answers sync.Map // request → *httptest.ResponseRecorder
}

// ServeHTTP implements http.Handler.
func (c *canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.calls.Add(1)
	key := r.Method + r.URL.RequestURI() + r.Header.Get("Authorization")
	known, ok := c.answers.Load(key)
	if !ok {
		recorder := httptest.NewRecorder()
		c.next.ServeHTTP(recorder, r)
		known, _ = c.answers.LoadOrStore(key, recorder)
	}
	time.Sleep(c.latency)
	answer := known.(*httptest.ResponseRecorder) //nolint:forcetypeassert // only these are stored
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) //nolint:gosec // no browser reads it
}

// bareCallers are as many as the fetchers' calls that may be under way.
const bareCallers = 4 * 8 * commands.MaxShard / 4

// bare makes calls as fast as callers can that throw the answers away; it returns calls a second.
func (c *canned) bare(ctx context.Context, world *soak.World) (float64, error) {
	server := httptest.NewServer(c)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: bareCallers, MaxIdleConnsPerHost: bareCallers}}
	var urls []string
	c.answers.Range(func(key, _ any) bool {
		urls = append(urls, key.(string)) //nolint:forcetypeassert // only these are stored
		return len(urls) < len(world.Accounts)
	})
	ctx, cancel := context.WithTimeout(ctx, ingestFor/3)
	defer cancel()
	var callers sync.WaitGroup
	var made atomic.Int64
	began := time.Now()
	for n := range bareCallers {
		callers.Go(func() {
			for i := n; ctx.Err() == nil; i += bareCallers {
				if request, err := again(ctx, server.URL, urls[i%len(urls)]); err == nil && call(client, request) == nil {
					made.Add(1)
				}
			}
		})
	}
	callers.Wait()
	return float64(made.Load()) / time.Since(began).Seconds(), nil
}

// again makes the request that a key of [canned] stands for.
func again(ctx context.Context, base, key string) (*http.Request, error) {
	method := http.MethodGet
	if strings.HasPrefix(key, http.MethodPost) {
		method = http.MethodPost
	}
	uri, token := key[len(method):], ""
	if at := strings.LastIndex(uri, "Bearer "); at >= 0 {
		uri, token = uri[:at], uri[at:]
	}
	request, err := http.NewRequestWithContext(ctx, method, base+uri, nil)
	if err == nil {
		request.Header.Set("Authorization", token)
	}
	return request, err
}

func call(client *http.Client, request *http.Request) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = new(bytes.Buffer).ReadFrom(response.Body)
	return err
}
