package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ledgerboard/ledgerboard/domain"
)

// bareVariable makes this program the bare server instead of the bench.
const bareVariable = "LEDGERBOARD_BENCH_BARE"

// serveBare is the least that can hold connections and write to them: a goroutine each, and a map. A
// client says its number; the driver says "drive", then a number and a notice id a line.
func serveBare(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Println(listener.Addr()) //nolint:forbidigo // for the bench, which started this
	var notices sync.Map         // number of a client → its channel
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			lines := bufio.NewReaderSize(conn, clientBuffer)
			first, _ := lines.ReadString('\n')
			if first = strings.TrimSpace(first); first == "drive" {
				drive(lines, &notices)
				return
			}
			ids := make(chan string, listenGroupSize)
			notices.Store(first, ids)
			fmt.Fprint(conn, "event: notice_cursor\n\n")
			for id := range ids {
				fmt.Fprintf(conn, "event: client_access_removed\nid: %s\ndata: {\"user_id\":%q}\n\n", id, first)
			}
		}()
	}
}

func drive(lines *bufio.Reader, notices *sync.Map) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		number, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		if ids, known := notices.Load(number); known {
			ids.(chan string) <- id
		}
	}
}

// bareConnections measures the bare server as the program is measured.
func (b *bench) bareConnections(ctx context.Context) (d delivery, err error) {
	self, err := os.Executable()
	if err != nil {
		return d, fmt.Errorf("find this program: %w", err)
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), bareVariable+"=1")
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return d, fmt.Errorf("start bare server: %w", err)
	}
	if err := command.Start(); err != nil {
		return d, fmt.Errorf("start bare server: %w", err)
	}
	defer command.Wait()         //nolint:errcheck // killed
	defer command.Process.Kill() //nolint:errcheck // it holds nothing
	addr, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		return d, fmt.Errorf("start bare server: %w", err)
	}
	addr = strings.TrimSpace(addr)
	log, _, stop, err := b.dashboardsLog(ctx)
	if err != nil {
		return d, err
	}
	defer stop() //nolint:errcheck // a temporary broker
	w := &listening{log: log, chains: newChains(listenAgencies), heard: newHeard()}
	for i := range listenAgencies {
		if _, err := w.chains.list[i].change(w.log, firstReading, []string{listenAccount(i)}, listenGroup(i, 0), nil); err != nil {
			return d, err
		}
	}
	time.Sleep(settleFor)
	before, err := memoryOf(command.Process.Pid)
	if err != nil {
		return d, err
	}
	if err := w.connectBare(ctx, addr); err != nil {
		return d, err
	}
	time.Sleep(settleFor)
	after, err := memoryOf(command.Process.Pid)
	if err != nil {
		return d, err
	}
	driver, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return d, fmt.Errorf("connect driver: %w", err)
	}
	defer driver.Close()
	if _, err := driver.Write([]byte("drive\n")); err != nil {
		return d, fmt.Errorf("connect driver: %w", err)
	}
	w.cause = func(ctx context.Context, n int, draft domain.Draft) error {
		if err := log.Append(ctx, draft); err != nil {
			return err
		}
		var told strings.Builder
		agency, group := n%listenAgencies, n/listenAgencies%listenGroups
		for i := range listenGroupSize {
			fmt.Fprintf(&told, "%d %s\n", agency+listenAgencies*(group*listenGroupSize+i), draft.Envelope.ID)
		}
		_, err := driver.Write([]byte(told.String()))
		return err
	}
	d, err = w.rounds(ctx, b.rounds)
	d.memory = (after.resident - before.resident) / listeners / 1024
	return d, err
}

func (w *listening) connectBare(ctx context.Context, addr string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(connectsAtATime)
	for i := range listeners {
		group.Go(func() error {
			conn, err := (&net.Dialer{Timeout: connectWithin}).DialContext(ctx, "tcp", addr)
			if err != nil {
				return fmt.Errorf("connect: %w", err)
			}
			if _, err := conn.Write([]byte(strconv.Itoa(i) + "\n")); err != nil {
				return fmt.Errorf("say number: %w", err)
			}
			lines := bufio.NewReaderSize(conn, clientBuffer)
			if _, err := lines.ReadString('\n'); err != nil {
				return fmt.Errorf("connect: %w", err)
			}
			go w.readStream(lines)
			return nil
		})
	}
	return group.Wait()
}
