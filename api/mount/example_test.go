package mount_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/domain"
)

// A main application serves the dashboards under /boards to people whom it has signed in itself. It
// needs the brokers and the database of a running service.
func Example() { //nolint:testableexamples // it needs brokers and a database; the test only compiles it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	boards, err := mount.Open(ctx, mount.Config{
		Storage:    mount.Storage{KafkaBrokers: []string{"kafka-1:9092"}, DatabaseURL: "postgres://ledgerboard@db:5432/ledgerboard"},
		Dashboards: mount.Dashboards{ManagedSubscriptions: []string{"managed_social"}},
		// Called if no middleware has set a caller with api.WithPrincipal.
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
			return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in at https://app.example.com.")
		}),
		HTTP: api.Config{Prefix: "/boards"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/boards/", boards.Handler())
	server := &http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(boards.EndStreams) // a shutdown waits for requests, not for streams

	ended := make(chan error, 2)
	go func() { ended <- boards.Run(context.Background()) }() // until Close, so that it outlives the requests
	go func() { ended <- server.ListenAndServe() }()
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	shutdown, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	fmt.Println(errors.Join(err, server.Shutdown(shutdown), boards.Close()))
}

// Validate returns all errors in a configuration, before any connection is made.
func ExampleConfig() {
	var config mount.Config
	config.KafkaBrokers, config.DatabaseURL = []string{"kafka-1"}, "postgres://db/ledgerboard"
	config.ManagedSubscriptions = []string{"managed_social"}
	fmt.Println(config.Validate())
	// Output:
	// the configuration is invalid:
	// mount: Config.Authenticator is not set; it authenticates callers
	// mount: Config.KafkaBrokers names "kafka-1", which is not host:port
}
