package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startWithin bounds the start of the program.
const startWithin = 3 * time.Minute

// benchSecret signs tokens.
const benchSecret = "only-for-measuring-0123456789abcdef" // it opens nothing

// serveProcess is `ledgerboard serve` as a process.
type serveProcess struct {
	command *exec.Cmd
	addr    string
	ended   <-chan struct{}
}

// startServe starts the program, which writes its errors to said, and does not wait until it is ready: a
// projection that is paused keeps it from that.
func (b *bench) startServe(ctx context.Context, brokers []string, databaseURL string, said io.Writer) (*serveProcess, error) {
	binary, err := b.build(ctx)
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, binary, "serve", "--addr", addr, "--roles", "api,projector",
		"--data-dir", filepath.Join(b.dir, fmt.Sprintf("serve-%d", b.n)), "--log-level", "error", "--log-format", "json")
	command.Env = append(os.Environ(), "LEDGERBOARD_KAFKA_BROKERS="+strings.Join(brokers, ","), "LEDGERBOARD_DATABASE_URL="+databaseURL,
		"LEDGERBOARD_JWT_SECRET="+benchSecret, "LEDGERBOARD_DIRECTORY=main_app",
		"LEDGERBOARD_MANAGED_SUBSCRIPTIONS=managed_social", "LEDGERBOARD_USERS=unknown_allowed") // a log of posts alone has nobody
	return start(command, addr, said)
}

// start starts the command; addr is where it answers requests.
func start(command *exec.Cmd, addr string, said io.Writer) (*serveProcess, error) {
	command.Stderr = said
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the program: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		command.Wait() //nolint:errcheck // its end is all that matters
	}()
	return &serveProcess{command: command, addr: addr, ended: ended}, nil
}

// errEnded says that the program ended where it should run.
var errEnded = errors.New("the program has ended by itself")

// ready waits until the program answers requests.
func (p *serveProcess) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if _, err := p.get(ctx, "/readyz"); err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("the program did not become ready: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *serveProcess) stop() {
	p.command.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended already
	<-p.ended
}

func freeAddr(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func (p *serveProcess) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d", path, response.StatusCode)
	}
	return answer, err
}

// build compiles the program, once.
func (b *bench) build(ctx context.Context) (binary string, err error) {
	binary = filepath.Join(b.dir, "ledgerboard")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/ledgerboard/ledgerboard/cmd/ledgerboard").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build ledgerboard: %w: %s", err, out)
	}
	return binary, nil
}
