package chaos_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// patience is how long anything is waited for that must happen: only failures take so long.
const patience = 5 * time.Minute

type stack struct {
	t          testing.TB
	brokers    []string
	secret     string // signs tokens
	cluster    *cluster
	database   *database
	apis       []*process
	projectors []*process
	nets       map[*process]network
	world      []agency
}

type network struct {
	brokers  []*link // of brokers 1, 2, 3
	database *link
	commits  *commitProxy // behind the link to the database
}

func startStack(t testing.TB) *stack {
	t.Helper()
	s := &stack{t: t, secret: jwtSecret, world: newWorld(), nets: map[*process]network{}}
	var nets []network
	var ports [][]string
	for n := range 2 * perRole {
		var list []string
		net := network{database: newLink(t, "database of "+strconv.Itoa(n))}
		for broker := range 3 {
			net.brokers = append(net.brokers, newLink(t, fmt.Sprintf("broker %d of %d", broker+1, n)))
			list = append(list, net.brokers[broker].port())
		}
		nets, ports = append(nets, net), append(ports, list)
	}
	s.cluster = startCluster(t, ports...)
	s.brokers = s.cluster.addrs
	require.NoError(t, s.cluster.whole())
	s.database = startDatabase(t)
	program := buildProgram(t, clockOverlay(t))
	for n, net := range nets {
		for broker, link := range net.brokers {
			require.NoError(t, link.to(s.cluster.behind[n][broker]))
		}
		net.commits = newCommitProxy(t, s.database.addr())
		require.NoError(t, net.database.to(net.commits.addr()))
		s.add(program, n, net)
	}
	migrate := exec.Command(program, "migrate")
	migrate.Env = append(os.Environ(), "LEDGERBOARD_DATABASE_URL="+s.database.server.URL())
	out, err := migrate.CombinedOutput()
	require.NoError(t, err, "%s", out)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	log := openLog(ctx, t, s.cluster.addrs)
	require.NoError(t, feed(ctx, log, s.world))
	require.NoError(t, log.Close())
	for _, p := range s.processes() {
		require.NoError(t, p.start())
	}
	require.NoError(t, s.awaitReady(s.processes()...))
	return s
}

// add makes the n-th process: the first ones serve, the others fold.
func (s *stack) add(program string, n int, net network) {
	role := "api"
	if n >= perRole {
		role = "projector"
	}
	p := newProcess(s.t, program, fmt.Sprintf("%s %d", role, n%perRole+1),
		"LEDGERBOARD_ROLES="+role, "LEDGERBOARD_DATABASE_URL="+s.database.via(net.database.addr()),
		"LEDGERBOARD_KAFKA_BROKERS="+net.brokers[0].addr()+","+net.brokers[1].addr()+","+net.brokers[2].addr(),
		"LEDGERBOARD_JWT_SECRET="+jwtSecret, "LEDGERBOARD_DIRECTORY=main_app",
		"LEDGERBOARD_SUBSCRIPTIONS=none", "LEDGERBOARD_MANAGED_SUBSCRIPTIONS=managed", "LEDGERBOARD_RATE_LIMIT=0")
	s.nets[p] = net
	if role == "api" {
		s.apis = append(s.apis, p)
	} else {
		s.projectors = append(s.projectors, p)
	}
}

func (s *stack) processes() []*process {
	return append(append([]*process{}, s.apis...), s.projectors...)
}

func (s *stack) bases() (bases []string) {
	for _, p := range s.apis {
		bases = append(bases, p.base)
	}
	return bases
}

// kill ends a broker; anyone who connects to it is refused, by its links too.
func (s *stack) kill(broker int) error {
	for _, net := range s.nets {
		net.brokers[broker-1].cut()
	}
	return s.cluster.act("kill", broker)
}

// revive starts brokers that were killed, at once.
func (s *stack) revive(brokers ...int) error {
	var starting errgroup.Group
	for _, broker := range brokers {
		starting.Go(func() error {
			if err := s.cluster.act("start", broker); err != nil {
				return err
			}
			for _, net := range s.nets {
				if err := net.brokers[broker-1].restore(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return starting.Wait()
}

// killDatabase ends PostgreSQL at once; anyone who connects to it is refused.
func (s *stack) killDatabase() error {
	for _, net := range s.nets {
		net.database.cut()
	}
	return s.database.kill()
}

func (s *stack) reviveDatabase() error {
	if err := s.database.start(); err != nil {
		return err
	}
	for _, net := range s.nets {
		if err := net.database.restore(); err != nil {
			return err
		}
	}
	return nil
}

// awaitReady waits until processes say that they are ready and want nothing.
func (s *stack) awaitReady(processes ...*process) error {
	giveUp := time.Now().Add(patience)
	for _, p := range processes {
		for {
			got := ask(http.MethodGet, p.base+"/readyz?for=writes", "", "")
			if got.err == nil && got.status == http.StatusOK {
				break
			}
			if time.Now().After(giveUp) || !p.child.Running() {
				return fmt.Errorf("%s is not ready (running: %t): %d %s %w\n%s", p.name, p.child.Running(), got.status, got.body, got.err, p.log.Tail())
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}

const (
	agencies        = 5
	boardsPerAgency = 2
	usersPerBoard   = 5
)

const jwtSecret = "a secret of the chaos run, for nothing else"

// agency is one agency: who writes for it, and its boards.
type agency struct {
	id, staff string
	boards    []board
}

type board struct {
	id    string
	users []string
}

func newWorld() (world []agency) {
	next := 0
	id := func() string { next++; return fmt.Sprintf("%024x", 0xc4a05<<40+next) }
	for range agencies {
		a := agency{id: id(), staff: id()}
		for range boardsPerAgency {
			b := board{id: id()}
			for range usersPerBoard {
				b.users = append(b.users, id())
			}
			a.boards = append(a.boards, b)
		}
		world = append(world, a)
	}
	return world
}

func feed(ctx context.Context, log *eventlog.Log, world []agency) error {
	var drafts []domain.Draft
	at := time.Now()
	put := func(e domain.DirectoryEntity) { drafts = append(drafts, commands.EntityDraft(e, at)) }
	for _, a := range world {
		put(domain.DirectoryAccount{ID: a.id, Name: "Agency", Active: true})
		put(domain.DirectoryUser{ID: a.staff, AccountID: a.id, Name: "Staff", Role: "agency", Active: true})
		for _, b := range a.boards {
			put(domain.DirectoryAccount{ID: b.id, ParentAccount: a.id, Name: "Client", Active: true})
			for _, user := range b.users {
				put(domain.DirectoryUser{ID: user, AccountID: b.id, Name: "Person", Role: "client", Active: true})
			}
		}
	}
	return log.AppendBulk(ctx, drafts)
}

// openLog opens the log as the test's own; where it is new its topics are made.
func openLog(ctx context.Context, t testing.TB, brokers []string) *eventlog.Log {
	t.Helper()
	topics, err := app.Topics()
	require.NoError(t, err)
	log, err := eventlog.Open(ctx, eventlog.Config{Brokers: brokers, Topics: topics})
	require.NoError(t, err)
	return log
}

// token is for a day, for a person of an account ("" for none).
func (s *stack) token(user, account, role string) string {
	change := map[string]any{}
	if account == "" {
		change["account_id"] = nil
	}
	return ledgertest.Token(s.t, s.secret, time.Now().Add(23*time.Hour), user, account, role, change)
}
