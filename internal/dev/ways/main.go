package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/deploy"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// idleFor is how long a demo runs before its way begins: what it does all the time runs at least once.
const idleFor = 15 * time.Second

func main() {
	list := flag.Bool("list", false, "name the functions of each way")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, *list)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ways:", err)
		os.Exit(1)
	}
}

// way is what one run does more than an idle one.
type way struct {
	name string
	do   func(context.Context, launch.Screen) error
}

func run(ctx context.Context, out io.Writer, list bool) error {
	dir, err := os.MkdirTemp("", "ways-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer os.RemoveAll(dir)
	d := demo{dir: dir, addr: "127.0.0.1:6099"}
	build := exec.CommandContext(ctx, "go", "build", "-cover", "-coverpkg=./...", "-o", d.binary(), "./cmd/ledgerboard")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the demo: %w: %s", err, said)
	}
	if _, err := d.run(ctx, nil); err != nil { // which fills the demo
		return err
	}
	idle, err := d.run(ctx, nil)
	if err != nil {
		return err
	}
	for _, w := range []way{
		{name: "GET followers", do: getFollowers},
		{name: "PUT dashboard", do: putDashboard},
		{name: "reading", do: appendReading},
	} {
		ran, err := d.run(ctx, w.do)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		var names []string
		for name := range ran {
			if !idle[name] {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		fmt.Fprintf(out, "%4d  %s\n", len(names), w.name)
		if list {
			fmt.Fprintf(out, "\t%s\n", strings.Join(names, "\n\t"))
		}
	}
	return nil
}

// demo is a demo that was built with -cover.
type demo struct{ dir, addr string }

// run starts the demo without fetchers, whose readings come when they are due, lets it idle, does what the
// way does, and stops it. It returns what functions ran.
func (d demo) run(ctx context.Context, do func(context.Context, launch.Screen) error) (map[string]bool, error) {
	counters, err := os.MkdirTemp(d.dir, "counters-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var said bytes.Buffer
	process := exec.CommandContext(ctx, d.binary(), "demo", "--data-dir", d.data(), "--addr", d.addr, "--roles", "api,projector")
	process.Env = append(os.Environ(), "GOCOVERDIR="+counters)
	process.Stderr = &said
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	if err := process.Start(); err != nil {
		return nil, fmt.Errorf("start the demo: %w", err)
	}
	err = d.follow(ctx, do)
	process.Process.Signal(syscall.SIGTERM) //nolint:errcheck // Wait says what came of it
	if ended := process.Wait(); err != nil || ended != nil {
		return nil, fmt.Errorf("the demo: %w: %s", cmp.Or(err, ended), &said)
	}
	return functionsOf(ctx, counters)
}

// follow lets the demo, which has been started, idle, and does what the way does.
func (d demo) follow(ctx context.Context, do func(context.Context, launch.Screen) error) error {
	for _, err := d.get(ctx, "/readyz"); err != nil; _, err = d.get(ctx, "/readyz") {
		if pause(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("it was not ready: %w", err)
		}
	}
	if _, err := d.get(ctx, "/metrics"); err != nil {
		return err
	}
	if err := pause(ctx, idleFor); err != nil || do == nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(d.data(), "demo.json"))
	if err != nil {
		return fmt.Errorf("read what it says: %w", err)
	}
	var screen launch.Screen
	if err := json.Unmarshal(raw, &screen); err != nil {
		return fmt.Errorf("read what it says: %w", err)
	}
	return do(ctx, screen)
}

func (d demo) binary() string { return filepath.Join(d.dir, "ledgerboard") }
func (d demo) data() string   { return filepath.Join(d.dir, "data") }

func (d demo) get(ctx context.Context, path string) ([]byte, error) {
	return request(ctx, http.MethodGet, "http://"+d.addr+path, "", nil)
}

func pause(ctx context.Context, long time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(long):
		return nil
	}
}

func request(ctx context.Context, method, url, token string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("send request: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s answered %d: %s", method, url, response.StatusCode, answer)
	}
	return answer, err
}

func getFollowers(ctx context.Context, s launch.Screen) error {
	today := time.Now().UTC()
	span := today.AddDate(0, 0, -29).Format(time.DateOnly) + "/" + today.Format(time.DateOnly)
	_, err := request(ctx, http.MethodGet, s.BaseURL+"/getAccountFollowers/"+span+"/all", s.Tokens["agency"], nil)
	return err
}

// putDashboard takes a user off the first dashboard that has one.
func putDashboard(ctx context.Context, s launch.Screen) error {
	for _, id := range s.IDs.SubAccounts {
		url := s.BaseURL + "/api/projects/dashboard/" + id
		raw, err := request(ctx, http.MethodGet, url, s.Tokens["agency"], nil)
		if err != nil {
			return err
		}
		var answer struct {
			Data []struct {
				Users []struct {
					ID string `json:"id"`
				} `json:"users"`
			} `json:"data"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return fmt.Errorf("decode the dashboard: %w", err)
		}
		if len(answer.Data) == 0 || len(answer.Data[0].Users) == 0 {
			continue
		}
		var users []string
		for _, u := range answer.Data[0].Users[1:] {
			users = append(users, u.ID)
		}
		body, err := json.Marshal(map[string][]string{"users": users})
		if err != nil {
			return fmt.Errorf("encode the change: %w", err)
		}
		_, err = request(ctx, http.MethodPut, url, s.Tokens["agency"], body)
		return err
	}
	return errors.New("no dashboard of the demo has a user")
}

// appendReading appends the last reading of an account once more, as read just now, and waits for its row.
func appendReading(ctx context.Context, s launch.Screen) error {
	topics, err := eventlog.ParseTopics(deploy.Topics())
	if err != nil {
		return err
	}
	log, err := eventlog.Open(ctx, eventlog.Config{Brokers: s.Brokers, Topics: eventlog.OnOneBroker(topics, nil), Existing: true})
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process ends
	var last domain.AccountRead
	err = log.Scan(ctx, eventlog.ScanConfig{Topic: domain.TopicMetrics, Parallel: 1, Handle: func(_ context.Context, run eventlog.Run) error {
		for _, raw := range run.Records {
			event, err := log.Decode(raw)
			if err != nil {
				return err
			}
			if read, ok := event.Data.(domain.AccountRead); ok && read.CapturedAt.After(last.CapturedAt) {
				last = read
			}
		}
		return nil
	}})
	if err != nil {
		return err
	}
	last.CapturedAt = time.Now().UTC().Truncate(time.Microsecond)
	if err := log.Append(ctx, commands.NewDraft(domain.TopicMetrics, last.Key(), last, last.CapturedAt)); err != nil {
		return err
	}
	tables, err := pgx.Connect(ctx, s.DatabaseURL)
	if err != nil {
		return fmt.Errorf("open the tables: %w", err)
	}
	defer tables.Close(ctx)
	for {
		var there bool
		err := tables.QueryRow(ctx, `select exists (select from tSAccountIns where captured_at = $1)`, last.CapturedAt).Scan(&there)
		if err != nil || there {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("the reading has no row: %w", err)
		}
	}
}
