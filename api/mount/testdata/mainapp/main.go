// Command mainapp is an example of a main application, in its own Go module. It serves ledgerboard at
// /boards under its own router, to users that it has signed in.
//
//	export LEDGERBOARD_KAFKA_BROKERS=… LEDGERBOARD_DATABASE_URL=…   # of a service with roles projector,fetcher,signer
//	go run .
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/domain"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	boards, err := mount.Open(ctx, mount.Config{
		Storage: mount.Storage{
			KafkaBrokers: strings.Split(os.Getenv("LEDGERBOARD_KAFKA_BROKERS"), ","), DatabaseURL: os.Getenv("LEDGERBOARD_DATABASE_URL"),
		},
		Dashboards: mount.Dashboards{ManagedSubscriptions: []string{"managed_social"}},
		HTTP:       api.Config{Prefix: "/boards"},
		// Called only if signedIn has set no caller, which never happens.
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
			return api.Principal{}, domain.NewError(domain.CodeUnauthenticated, "Sign in first.")
		}),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, boards.Close()) }()

	router := http.NewServeMux()
	router.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "the main application") })
	router.Handle("/boards/", signedIn(boards.Handler()))
	server := &http.Server{Handler: router, ReadHeaderTimeout: 10 * time.Second}
	server.RegisterOnShutdown(boards.EndStreams)
	return serve(ctx, server, boards)
}

// serve runs until ctx is done. Requests in progress are then completed while boards still runs, so
// that an accepted change gets its response.
func serve(ctx context.Context, server *http.Server, boards *mount.Mounted) error {
	address := os.Getenv("MAINAPP_ADDR")
	if address == "" {
		address = "127.0.0.1:8080"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	ended := make(chan error, 2)
	go func() { ended <- boards.Run(context.WithoutCancel(ctx)) }()
	go func() { ended <- server.Serve(listener) }()
	select {
	case err = <-ended: // neither should
	case <-ctx.Done():
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(within))
}

// signedIn is the main application's authentication; here, a name in a header. It stores the caller
// in the request's context, and answers unknown callers itself.
func signedIn(next http.Handler) http.Handler {
	people := map[string]api.Principal{
		"alice": {UserID: "a11ce0000000000000000000", AccountID: "aaaaaaaaaaaaaaaaaaaaaaaa", Roles: api.Roles{api.RoleAgency}},
		"carol": {UserID: "ca201e000000000000000000", AccountID: "c10000000000000000000001", Roles: api.Roles{api.RoleClient}},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := people[r.Header.Get("X-Signed-In")]
		if !ok {
			http.Error(w, "the main application does not know you", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(api.WithPrincipal(r.Context(), who)))
	})
}
