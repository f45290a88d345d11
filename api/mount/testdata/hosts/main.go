// Command hosts serves ledgerboard under /boards with each of the common routers of Go, behind the
// middleware that their applications have: compression, a timeout for all but streams, and recovery.
// It prints the name and the address of each and runs until it is killed.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-contrib/gzip"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/compress"
	fiberrecover "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gorilla/handlers"
	"github.com/gorilla/mux"
	echo4 "github.com/labstack/echo/v4"
	echo4middleware "github.com/labstack/echo/v4/middleware"
	"github.com/labstack/echo/v5"
	echo5middleware "github.com/labstack/echo/v5/middleware"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
)

const limit = 30 * time.Second

func main() {
	ctx := context.Background()
	alice := api.Principal{UserID: "a11ce0000000000000000000", AccountID: "aaaaaaaaaaaaaaaaaaaaaaaa", Roles: api.Roles{api.RoleAgency}}
	boards, err := mount.Open(ctx, mount.Config{
		Storage: mount.Storage{
			KafkaBrokers: strings.Split(os.Getenv("LEDGERBOARD_KAFKA_BROKERS"), ","), DatabaseURL: os.Getenv("LEDGERBOARD_DATABASE_URL"),
		},
		Dashboards:    mount.Dashboards{ManagedSubscriptions: []string{"managed_social"}},
		HTTP:          api.Config{Prefix: "/boards"},
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) { return alice, nil }),
	})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- boards.Run(ctx) }()
	for name, host := range hosts(boards.Handler()) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, listener.Addr())
		go func() { ended <- host(listener) }()
	}
	log.Fatal(<-ended)
}

func isStream(path string) bool {
	return strings.HasSuffix(path, "/api/notices") || strings.HasSuffix(path, "/api/live") || strings.Contains(path, "/socket.io/")
}

// timeout is http.TimeoutHandler, which buffers, for all but streams.
func timeout(next http.Handler) http.Handler {
	limited := http.TimeoutHandler(next, limit, "too late")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isStream(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		limited.ServeHTTP(w, r)
	})
}

// hosts returns a function that serves the handler on a listener, for each router.
func hosts(boards http.Handler) map[string]func(net.Listener) error {
	plain := http.NewServeMux()
	plain.Handle("/boards/", timeout(boards))

	router := chi.NewRouter()
	router.Use(chimiddleware.Recoverer, chimiddleware.Compress(5), timeout)
	router.Mount("/boards", boards)

	gorilla := mux.NewRouter()
	gorilla.Use(handlers.RecoveryHandler(), handlers.CompressHandler, timeout)
	gorilla.PathPrefix("/boards/").Handler(boards)

	gin.SetMode(gin.ReleaseMode)
	ginRouter := gin.New()
	ginRouter.Use(gin.Recovery(), gzip.Gzip(gzip.DefaultCompression))
	ginRouter.Any("/boards/*path", gin.WrapH(timeout(boards)))

	four := echo4.New()
	four.Use(echo4middleware.Recover(), echo4middleware.Gzip(), echo4middleware.ContextTimeoutWithConfig(echo4middleware.ContextTimeoutConfig{
		Timeout: limit, Skipper: func(c echo4.Context) bool { return isStream(c.Request().URL.Path) },
	}))
	four.Any("/boards/*", echo4.WrapHandler(boards))

	five := echo.New()
	five.Use(echo5middleware.Recover(), echo5middleware.Gzip(), echo5middleware.ContextTimeoutWithConfig(echo5middleware.ContextTimeoutConfig{
		Timeout: limit, Skipper: func(c *echo.Context) bool { return isStream(c.Request().URL.Path) },
	}))
	five.Any("/boards/*", echo.WrapHandler(boards))

	app := fiber.New()
	app.Use(fiberrecover.New(), compress.New(compress.Config{Next: func(c fiber.Ctx) bool { return isStream(c.Path()) }}))
	app.Use("/boards", adaptor.HTTPHandler(boards))

	serve := func(handler http.Handler) func(net.Listener) error {
		return func(listener net.Listener) error {
			server := &http.Server{Handler: handler, ReadHeaderTimeout: limit}
			return server.Serve(listener)
		}
	}
	return map[string]func(net.Listener) error{
		"ServeMux": serve(plain), "chi": serve(router), "gorilla": serve(gorilla), "gin": serve(ginRouter),
		"echo4": serve(four), "echo5": serve(five),
		"fiber": func(listener net.Listener) error {
			return app.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true})
		},
	}
}
