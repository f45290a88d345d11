package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // serves the memory statistics of the limit, to this machine
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

const (
	idleListeners    = 10_000
	listenersPerUser = 50
	listenerAgencies = 50
	openingAtOnce    = 32
	idleFor          = time.Minute // while transactions are counted; PostgreSQL's statistics are up to 10 s old
	startWithin      = 3 * time.Minute
	benchSecret      = "only-for-measuring-0123456789abcdef" // signs tokens; it opens nothing
)

// serveBare makes a child serve the limit of idle listeners, at the addresses of these settings of ledgerboard.
const (
	serveBare       = "serve bare listeners"
	serverAddr      = "LEDGERBOARD_ADDR"
	serverAdminAddr = "LEDGERBOARD_ADMIN_ADDR"
)

// listening measures what an idle stream of notices costs `ledgerboard serve`: resident memory, and what its heap
// and stacks take after a garbage collection. The limit is a handler of net/http that sends only comments. All
// streams together cost transactions of the database, without a limit.
func (b *bench) listening(ctx context.Context, print func(result) error) error {
	bare, err := b.bareListening(ctx)
	if err != nil {
		return fmt.Errorf("limit: %w", err)
	}
	_, _, stopLog, err := b.eventLog(ctx)
	if err != nil {
		return err
	}
	defer stopLog() //nolint:errcheck // a temporary broker
	database, err := b.emptyDatabase(ctx)
	if err != nil {
		return err
	}
	binary := filepath.Join(b.dir, "ledgerboard")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/ledgerboard").CombinedOutput(); err != nil {
		return fmt.Errorf("build ledgerboard: %w: %s", err, out)
	}
	command := exec.CommandContext(ctx, binary, "serve", "--roles", "api,projector", "--directory", "main_app",
		"--managed-subscriptions", "managed_social", "--users", "unknown_allowed", "--log-level", "error",
		"--data-dir", filepath.Join(b.dir, fmt.Sprintf("serve-%d", b.n)))
	s, err := startServer(ctx, command, "LEDGERBOARD_KAFKA_BROKERS="+strings.Join(b.brokers, ","),
		"LEDGERBOARD_DATABASE_URL="+database, "LEDGERBOARD_JWT_SECRET="+benchSecret)
	if err != nil {
		return err
	}
	defer s.stop()
	ours, err := s.costOfListeners(ctx)
	if err != nil {
		return err
	}
	defer s.disconnect()
	first, err := transactions(ctx, database)
	if err != nil {
		return err
	}
	if err := pause(ctx, idleFor); err != nil {
		return err
	}
	last, err := transactions(ctx, database)
	return errors.Join(err,
		print(against("idle_listener_resident", "KiB", ours.resident, bare.resident)),
		print(against("idle_listener_live", "KiB", ours.live, bare.live)),
		print(result{Name: "idle_listeners_transactions", Value: round(float64(last-first) / idleFor.Seconds()), Unit: "1/s"}),
	)
}

// bareListening measures the limit.
func (b *bench) bareListening(ctx context.Context) (memory, error) {
	command, err := childCommand(ctx, serveBare)
	if err != nil {
		return memory{}, err
	}
	s, err := startServer(ctx, command)
	if err != nil {
		return memory{}, err
	}
	defer s.stop()
	defer s.disconnect()
	return s.costOfListeners(ctx)
}

// serveBareListeners serves streams that send a first event and then comments, as often as ours.
func serveBareListeners(addr, adminAddr string) error {
	listener := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "event: notice_cursor\ndata: {}\n\n")
		http.NewResponseController(w).Flush() //nolint:errcheck // the next write fails too
		for keepAlive := time.NewTicker(15 * time.Second); ; {
			select {
			case <-r.Context().Done():
				return
			case <-keepAlive.C:
			}
			if _, err := io.WriteString(w, ": keep-alive\n\n"); err != nil {
				return
			}
			http.NewResponseController(w).Flush() //nolint:errcheck // the next write fails too
		}
	}
	http.HandleFunc("GET /api/notices", listener)
	http.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	failed := make(chan error, 2)
	for _, address := range []string{addr, adminAddr} {
		go func() { failed <- http.ListenAndServe(address, nil) }() //nolint:gosec // for measuring only
	}
	return <-failed
}

// server is a process that serves streams.
type server struct {
	command         *exec.Cmd
	addr, adminAddr string
	ended           chan struct{}
	conns           [idleListeners]net.Conn
}

// memory is in KiB. Live memory is that of the heap and the stacks.
type memory struct{ resident, live float64 }

// startServer starts a server and waits until it is ready.
func startServer(ctx context.Context, command *exec.Cmd, env ...string) (*server, error) {
	s := &server{command: command, ended: make(chan struct{})}
	var held [2]net.Listener // both until the end of the loop, so that they differ
	for i, addr := range []*string{&s.addr, &s.adminAddr} {
		free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		*addr, held[i] = free.Addr().String(), free
	}
	for _, free := range held {
		free.Close()
	}
	command.Env = append(append(command.Environ(), env...), serverAddr+"="+s.addr, serverAdminAddr+"="+s.adminAddr, "GOGC=200")
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command, err)
	}
	go func() {
		defer close(s.ended)
		command.Wait() //nolint:errcheck // its end is all that matters
	}()
	for deadline := time.Now().Add(startWithin); ; {
		_, err := s.get(ctx, "/readyz")
		if err == nil {
			return s, nil
		}
		select {
		case <-s.ended:
			return nil, fmt.Errorf("%s has ended", command)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("the server did not become ready: %w", err)
		}
	}
}

func (s *server) stop() {
	s.command.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended already
	<-s.ended
}

// get requests a path of the admin listener.
func (s *server) get(ctx context.Context, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.adminAddr+path, nil)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("get %s: %w", path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d", path, response.StatusCode)
	}
	return string(body), err
}

// costOfListeners opens the streams and returns what each of them takes.
func (s *server) costOfListeners(ctx context.Context) (memory, error) {
	alone, err := s.memory(ctx)
	if err != nil {
		return memory{}, err
	}
	var group errgroup.Group
	group.SetLimit(openingAtOnce)
	for i := range s.conns {
		group.Go(func() (err error) {
			s.conns[i], err = s.listen(ctx, i/listenersPerUser)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return memory{}, err
	}
	full, err := s.memory(ctx)
	return memory{(full.resident - alone.resident) / idleListeners, (full.live - alone.live) / idleListeners}, err
}

func (s *server) disconnect() {
	for _, conn := range s.conns {
		if conn != nil {
			conn.Close()
		}
	}
}

// live matches the bytes of the heap and of stacks in a profile.
var live = regexp.MustCompile(`(?m)^# (?:HeapAlloc|Stack) = (\d+)`)

// memory returns the memory of the process after it was idle and its garbage was collected. A collection halves a
// stack that is too large.
func (s *server) memory(ctx context.Context) (m memory, err error) {
	if err := pause(ctx, idleFor/2); err != nil {
		return memory{}, err
	}
	var profile string
	for range 4 {
		if profile, err = s.get(ctx, "/debug/pprof/heap?gc=1&debug=1"); err != nil {
			return memory{}, err
		}
	}
	for _, found := range live.FindAllStringSubmatch(profile, -1) {
		bytes, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			return memory{}, fmt.Errorf("read memory statistics: %w", err)
		}
		m.live += bytes / 1024
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.command.Process.Pid))
	if err != nil {
		return memory{}, fmt.Errorf("read resident memory: %w", err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(raw))[1], 64)
	m.resident = pages * float64(os.Getpagesize()) / 1024
	return m, err
}

// listen opens a stream of notices. It returns when the first event has arrived.
func (s *server) listen(ctx context.Context, user int) (net.Conn, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": fmt.Sprintf("d1%022x", user), "account_id": fmt.Sprintf("a1%022x", user%listenerAgencies), "role": "agency",
		"iss": "ledgerboard", "aud": "ledgerboard", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte(benchSecret))
	if err != nil {
		return nil, fmt.Errorf("sign token: %w", err)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := fmt.Fprintf(conn, "GET /api/notices HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", token); err != nil {
		return conn, fmt.Errorf("request a stream: %w", err)
	}
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if lines.Text() == "event: notice_cursor" {
			return conn, nil
		}
	}
	return conn, errors.New("a stream ended before its first event")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// transactions returns how many transactions a database has committed.
func transactions(ctx context.Context, url string) (n int64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "select xact_commit from pg_stat_database where datname = current_database()").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count transactions: %w", err)
	}
	return n, nil
}
