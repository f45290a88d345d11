package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// The app that a demo has at each of its simulated platforms.
const (
	AppID     = "4711"
	AppSecret = "demo-app-secret"
)

const readHeaderTimeout = 10 * time.Second

// Simulate serves the platforms of the world and returns their base URL.
func Simulate(ctx context.Context, world *demo.World, seed uint64, logger *slog.Logger) (base string, stop func(), err error) {
	platforms := simulator.New(simulator.Config{Seed: seed, ClientID: AppID, ClientSecret: AppSecret})
	if err := world.Register(platforms); err != nil {
		return "", nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for the simulator: %w", err)
	}
	server := &http.Server{Handler: platforms, ReadHeaderTimeout: readHeaderTimeout}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the simulator ended", "error", err)
		}
	}()
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil //nolint:errcheck // it holds nothing
}
